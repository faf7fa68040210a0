"""Pushing judges over HTTP to the stand-in of the Hub: what goes up, what the card says, what is refused, what is kept."""

import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from tests.hub_stand_in import READ_TOKEN, TOKEN, Refused, hub  # noqa: F401  a fixture
from training.__main__ import main
from training.push_plan import plan_push
from training.recipes import DataOptions, load_recipe
from training.runs import checkpoints, find_checkpoint
from workbench.backends.judge_file import JudgeFile, write_judge_file
from workbench.errors import InputError
from workbench.store import Run

ROOT = Path(__file__).parent.parent
CLIP = ROOT / "workbench/examples/turn.mp4"
PROCESSOR = {"processor_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}
FIGURES = {
    "pointwise": {"Spearman": {"value": 0.91, "low": 0.88, "high": 0.93, "n": 1000}},
    "pointwise, without the video": {"Spearman": {"value": 0.12, "low": 0.02, "high": 0.2, "n": 800}},
}


@pytest.fixture
def tuned(qwen25_checkpoint, tmp_path) -> Path:
    """A fine-tuning run: settings, losses, two checkpoints and a final model, with things that must stay at home."""
    recipe = load_recipe("videojudge-3b", max_steps=200).record()
    counts = {"train": {"sha256": "ab12", "rows": 103_825, "videos": 9_469}, "validation": {"rows": 500}}
    config = {"training": 1, "recipe": recipe, "options": DataOptions().record(), "data": counts, "processes": 1}
    command = f"python -m training fit --preset videojudge-3b --data={tmp_path}/private/rows --out {tmp_path}/tuned"
    run = Run.create(tmp_path / "tuned", config=config, command=command)
    for name in ("checkpoints/step-10", "checkpoints/step-200", "final"):
        shutil.copytree(qwen25_checkpoint, run.folder / name)
        (run.folder / name / "optimizer.pt").write_bytes(b"state")
        (run.folder / name / "trainer_state.json").write_text("{}")
    config_file = run.folder / "final/config.json"
    config_file.write_text(json.dumps(json.loads(config_file.read_text()) | {"_name_or_path": f"{tmp_path}/base"}))
    lines = [{"step": 10, "loss": 1.5, "seconds": 3.0}, {"step": 200, "loss": 0.25, "validation_loss": 0.5}]
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run.folder / "figures.json").write_text(json.dumps(FIGURES))
    write_judge_file(run.folder / "final", JudgeFile(prompts=("pointwise",), scale=(1, 5), domain="Cooking videos."))
    return run.folder


def front_of(card: str) -> dict:
    return yaml.safe_load(card.split("---")[1])


def test_a_fine_tuned_run_goes_up_with_what_it_recorded(tuned, tmp_path):
    plan = plan_push(tuned, "ann/cook")
    assert {file.path for file in plan.files} == PROCESSOR | {
        "README.md", "config.json", "generation_config.json", "judge.json", "model.safetensors"
    }  # fmt: skip
    assert plan.notes == []
    front = front_of(plan.card)
    assert (front["license"], front["license_name"]) == ("other", "qwen-research")
    assert (front["base_model"], front["base_model_relation"]) == ("Qwen/Qwen2.5-VL-3B-Instruct", "finetune")
    for said in ("Cooking videos.", "2e-07", "0.91", "0.880 to 0.930", "+0.790", "validation_loss 0.5", "--data=rows",
                 "| train.rows | 103,825 |", "hf:ann/cook", "AutoModelForImageTextToText"):  # fmt: skip
        assert said in plan.card, said
    texts = [file.content if isinstance(file.content, bytes) else file.content.read_bytes() for file in plan.files]
    assert not [text for text in texts if str(tmp_path).encode() in text], "no path of this machine goes up"


def test_any_checkpoint_can_be_pushed_and_the_card_says_what_is_not_known(qwen25_checkpoint):
    plan = plan_push(qwen25_checkpoint, "ann/nameless")
    assert len(plan.notes) == 5
    for said in ("Not recorded.", "Not measured", "Not stated", "Its base is not recorded", "Not known here"):
        assert said in plan.card
    assert front_of(plan.card)["license"] == "other"
    assert "base_model" not in front_of(plan.card)


def test_a_checkpoint_of_a_run_knows_its_run(tuned):
    checkpoint, run = find_checkpoint(tuned / "checkpoints/step-10")
    assert (checkpoint.step, run.folder.name, run.head["command"].split()[5]) == (10, "tuned", "videojudge-3b")
    assert [each.name for each in checkpoints(tuned)] == ["checkpoints/step-10", "checkpoints/step-200", "final"]


def test_the_card_of_an_earlier_checkpoint_tells_nothing_of_later_weights(tuned, tmp_path):
    earlier = tuned / "checkpoints/step-10"
    plan = plan_push(earlier, "ann/cook")
    assert "| training | 10 | loss 1.5 |" in plan.card
    for of_the_final_one in ("0.910", "loss 0.25", "validation_loss"):
        assert of_the_final_one not in plan.card
    assert any(note.startswith("it was not measured") for note in plan.notes)
    given = tmp_path / "figures.json"
    given.write_text(json.dumps({"pointwise": {"MAE": {"value": 0.625, "low": 0.5, "high": 0.75, "n": 9}}}))
    assert "0.625" in plan_push(earlier, "ann/cook", figures=given).card


def test_a_final_model_of_an_earlier_step_tells_nothing_of_later_ones(tuned):
    """With early stop the best checkpoint becomes the final one, and steps follow it."""
    (tuned / "status.json").write_text(json.dumps({"state": "done", "step": 10}))
    card = plan_push(tuned, "ann/cook").card
    assert "0.910" in card and "loss 1.5" in card and "validation_loss 0.5" not in card


def test_a_stage_of_an_embedded_fit_is_told_up_to_its_end(qwen25_checkpoint, tmp_path):
    dense = shutil.copytree(qwen25_checkpoint, tmp_path / "fit/dense")
    lines = [
        {"stage": stage, "step": 7, "loss": loss} for stage, loss in (("reading", 1.5), ("dense", 0.5), ("judge", 0.25))
    ]
    (tmp_path / "fit/metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    card = plan_push(dense, "ann/dense").card
    assert "loss 1.5" in card and "loss 0.5" in card and "loss 0.25" not in card


def test_an_embedded_fit_is_known_by_its_sizes(tmp_path):
    fitted = tmp_path / "fit"
    shutil.copytree(ROOT / "workbench/embedded", fitted / "judge")
    for name in ("README.md", "judge.json"):
        (fitted / "judge" / name).unlink()
    (fitted / "metrics.jsonl").write_text(
        '{"stage": "dense", "step": 700, "seconds": 60.5, "loss": 0.1}\n'
        '{"stage": "judge", "step": 9, "seconds": 7.5, "loss": 0.2}\n'
    )
    plan = plan_push(fitted, "ann/fit")
    assert "judge.json" in {file.path for file in plan.files}
    assert front_of(plan.card)["license"] == "apache-2.0"
    for said in ("Trained from random weights", "| dense | 700 |", "procedural world", "pointwise, rubric"):
        assert said in plan.card, said


def test_its_own_card_is_kept():
    plan = plan_push(ROOT / "workbench/embedded", "ann/embedded")
    assert plan.card == (ROOT / "workbench/embedded/README.md").read_text()


@pytest.fixture
def adapter(qwen25_checkpoint, tmp_path) -> Path:
    import torch
    from transformers import AutoModelForImageTextToText

    from training.adapters import Lora, add_lora, save_adapter
    from workbench.backends.loading import Source

    torch.manual_seed(0)
    adapted = add_lora(AutoModelForImageTextToText.from_pretrained(qwen25_checkpoint), Lora(rank=2))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return save_adapter(adapted, tmp_path / "lora", Source(qwen25_checkpoint, "sha256:0", None))


def test_an_adapter_names_a_base_that_others_have_or_is_merged(adapter, qwen25_checkpoint):
    with pytest.raises(InputError, match="--merge BASE"):
        plan_push(adapter, "ann/lora")
    merged = plan_push(adapter, "ann/lora", merge=str(qwen25_checkpoint), say=lambda line: None)
    assert {"model.safetensors", "merged.json", "config.json"} <= {file.path for file in merged.files}
    assert merged.checkpoint.folder.name == "lora-merged"

    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(
        json.dumps(config | {"base_model_name_or_path": "Qwen/Qwen2.5-VL-7B-Instruct"})
    )
    plan = plan_push(adapter, "ann/lora")
    front = front_of(plan.card)
    assert (front["library_name"], front["base_model_relation"], front["license"]) == ("peft", "adapter", "apache-2.0")
    assert "hf:Qwen/Qwen2.5-VL-7B-Instruct+ann/lora" in plan.card
    assert {"adapter_model.safetensors", "adapter_config.json"} <= {file.path for file in plan.files}


def test_a_merge_is_used_again_only_for_the_same_base_and_adapter(adapter, qwen25_checkpoint, tmp_path, monkeypatch):
    from training import merge as merging
    from workbench.backends.loading import content_hash

    def fake(base, adapter, out, *, say):
        shutil.copytree(base, out)
        parts = {"base": base, "adapter": adapter}
        record = {
            name: {"model": Path(path).name, "revision": content_hash(Path(path))} for name, path in parts.items()
        }
        (out / "merged.json").write_text(json.dumps(record))
        made.append(base)

    def base_of_the_push(base) -> bytes:
        plan = plan_push(adapter, "ann/lora", merge=str(base), say=lambda line: None)
        (config,) = [file.content for file in plan.files if file.path == "config.json"]
        return config.read_bytes()

    made: list[str] = []
    monkeypatch.setattr(merging, "merge", fake)
    other = shutil.copytree(qwen25_checkpoint, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"initializer_range": 0.5}))
    for base, times in ((qwen25_checkpoint, 1), (qwen25_checkpoint, 1), (other, 2)):
        assert base_of_the_push(base) == (base / "config.json").read_bytes() and len(made) == times
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 1}))
    base_of_the_push(other)
    assert len(made) == 3, "the adapter is another one"
    (tmp_path / "lora-merged/merged.json").unlink()
    with pytest.raises(InputError, match="is no merged checkpoint"):
        base_of_the_push(other)


def test_the_dry_run_lists_files_and_card_and_sends_nothing(tuned, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert main(["push", str(tuned), "--repo", "ann/cook", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "would push final to ann/cook, private" in shown
    assert f"{(tuned / 'final/model.safetensors').stat().st_size:,}" in shown
    assert "# cook" in shown and "token: found" in shown and TOKEN not in shown


WRONG = {
    "no slash": ("cook", "expected user/name"),
    "a path": ("ann/../etc", "expected user/name"),
    "an odd letter": ("ann/co ok", "expected user/name"),
    "an address": ("https://huggingface.co/ann/cook", "expected user/name"),
}


@pytest.mark.parametrize("case", WRONG)
def test_malformed_names_are_refused(tuned, case):
    repo, expected = WRONG[case]
    with pytest.raises(InputError, match=expected):
        plan_push(tuned, repo)


def test_runs_that_are_none_are_refused(tuned, tmp_path):
    with pytest.raises(InputError, match="not there"):
        plan_push(tmp_path / "none", "ann/cook")
    shutil.rmtree(tuned / "final")
    with pytest.raises(InputError, match="it has checkpoints/step-10, checkpoints/step-200"):
        plan_push(tuned, "ann/cook")
    (tmp_path / "bad.json").write_text('{"pointwise": {"MAE": 1}}')
    with pytest.raises(InputError, match="value, low, high and n"):
        plan_push(tuned / "checkpoints/step-10", "ann/cook", figures=tmp_path / "bad.json")


# -- over HTTP


def start(hub, home: Path, *words: str, token: str | None = TOKEN, **env: str) -> subprocess.Popen:  # noqa: F811
    return subprocess.Popen(
        [sys.executable, "-m", *words], cwd=ROOT, env=hub.env(home, token) | env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen, code: int = 0) -> str:
    out, err = process.communicate(timeout=280)
    assert process.returncode == code, err
    return out + err


def test_a_pushed_judge_judges_in_a_fresh_process_and_the_token_stays_where_it_was(hub, tmp_path):  # noqa: F811
    words_seen = []

    def note_processes(seen):
        words_seen.extend(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())

    hub.before = note_processes
    run = tmp_path / "run"
    shutil.copytree(ROOT / "workbench/embedded", run / "final")
    told = finish(start(hub, tmp_path / "home", "training", "push", str(run), "--repo", "ann/judge"))
    repo = hub.repos["model", "ann/judge"]
    commit = repo.branches["main"]
    assert repo.private and f"{hub.url}/ann/judge: private, at {commit[:12]}" in told
    assert hub.read("ann/judge")["model.safetensors"] == (run / "final/model.safetensors").read_bytes()

    assert TOKEN not in told
    assert words_seen and not [words for words in words_seen if TOKEN.encode() in words]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if TOKEN.encode() in path.read_bytes()]
    assert {seen.host for seen in hub.seen if seen.token} == {hub.host}

    hub.before = lambda seen: None
    options = ["--judge", "hf:ann/judge", "--out", str(tmp_path / "verdict")]
    text = ["--instruction", "Which way does the shape go?", "--response", "The red circle moves to the left."]
    finish(start(hub, tmp_path / "empty", "workbench", "judge", str(CLIP), *text, *options))
    judgment = Run.open(tmp_path / "verdict").judgments()[0]
    assert judgment.status == "scored"
    assert judgment.settings["judge"]["model"] == "ann/judge" and judgment.settings["judge"]["revision"] == commit


def test_an_upload_that_was_killed_goes_on_and_sends_nothing_twice(hub, tuned, tmp_path):  # noqa: F811
    second = tuned / "final/model-2.safetensors"
    save_file({"more": np.random.default_rng(0).random((100, 100))}, second)
    processes, puts = [], itertools.count()

    def kill_in_the_second(seen):
        if seen.method != "PUT" or next(puts) == 0:
            return None
        deadline = time.monotonic() + 20
        while not hub.repos["model", "ann/cook"].uploaded and time.monotonic() < deadline:
            time.sleep(0.02)
        processes[0].send_signal(signal.SIGKILL)
        return Refused(500)

    def stored(method, status=None):
        return [seen.path for seen in hub.seen if seen.method == method and (status is None or seen.status == status)]

    hub.before = kill_in_the_second
    words = ("training", "push", str(tuned), "--repo", "ann/cook")
    processes.append(start(hub, tmp_path / "home", *words))
    finish(processes[0], -signal.SIGKILL)
    repo = hub.repos["model", "ann/cook"]
    assert set(repo.commits[repo.branches["main"]]) == {".gitattributes"}, "half a judge is never seen"
    assert len(stored("PUT", 200)) == 1
    hub.before = lambda seen: None
    finish(start(hub, tmp_path / "home", *words))
    assert len(stored("PUT", 200)) == len(set(stored("PUT", 200))) == 2
    assert "model-2.safetensors" in hub.read("ann/cook")

    second.unlink()
    finish(start(hub, tmp_path / "home", *words))
    assert "model-2.safetensors" not in hub.read("ann/cook"), "what the judge no longer has goes"


ERRORS = {  # what is tried -> token, options, what is said
    "no token": (None, "--repo ann/new", "set HF_TOKEN"),
    "an unknown token": ("hf_unknown", "--repo ann/new", "does not know this token"),
    "a token that only reads": (READ_TOKEN, "--repo ann/new", "does not let this token write under 'ann'"),
    "someone else's name": (TOKEN, "--repo bob/new", "does not let this token write under 'bob'"),
    "a name that is taken": (TOKEN, "--repo ann/taken", "is taken by something"),
    "private asked, public there": (TOKEN, "--repo ann/public", "say --public"),
    "public asked, private there": (TOKEN, "--repo ann/hidden --public", "leave --public out"),
    "a revision": (TOKEN, "--repo ann/hidden --revision try/1", "ann/hidden: private"),
    "a public one": (TOKEN, "--repo lab/open --public", "lab/open: public"),
}


def test_what_the_hub_refuses_is_said_and_what_it_allows_is_done(hub, tuned, tmp_path):  # noqa: F811
    hub.put("ann/taken", {"weights.bin": b"other"}, private=True)
    hub.put("ann/public", {"judge.json": b"{}"})
    hub.put("ann/hidden", {"judge.json": b"{}"}, private=True)
    tries = [(token, ["push", str(tuned), *options.split()]) for token, options, _ in ERRORS.values()]
    code = f"""
import contextlib, io, os
from training.__main__ import main
for token, words in {tries!r}:
    os.environ.pop("HF_TOKEN", None)
    os.environ.update({{"HF_TOKEN": token}} if token else {{}})
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main(words)
    print(code, " ".join(out.getvalue().split()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=hub.env(tmp_path / "home"), text=True,
                          capture_output=True, timeout=120)  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == len(ERRORS), done.stderr
    for (case, (_, _, expected)), line in zip(ERRORS.items(), lines, strict=True):
        assert expected in line, (case, line)
        assert line[0] == ("0" if case in ("a revision", "a public one") else "2"), (case, line)
    assert set(hub.repos["model", "ann/hidden"].branches) == {"main", "try/1"}
    assert not hub.repos["model", "lab/open"].private
    assert set(hub.read("ann/taken")) == {"weights.bin"} and ("model", "ann/new") not in hub.repos
    assert "hf_" not in done.stdout + done.stderr


def test_a_network_that_is_down_is_said(hub, tuned, tmp_path):  # noqa: F811
    words = ("training", "push", str(tuned), "--repo", "ann/cook")
    told = finish(start(hub, tmp_path / "home", *words, HF_ENDPOINT="http://127.0.0.1:9"), 2)
    assert "could not be reached" in told and "Traceback" not in told
    told = finish(start(hub, tmp_path / "home", *words, HF_HUB_OFFLINE="1"), 2)
    assert "HF_HUB_OFFLINE" in told
