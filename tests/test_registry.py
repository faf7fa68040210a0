"""Which spec leads to which judge, and what is said about a spec or an option that leads nowhere."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.backends import EMBEDDED, LOADERS, list_backends, load_backend, split_adapter
from workbench.backends.presets import PRESETS
from workbench.errors import BackendError, InputError
from workbench.schema import Sampling

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "spec, complaint",
    [
        ("embeded", "Did you mean 'embedded'"),
        ("qwen2.5-vl-7", "Did you mean 'qwen2.5-vl-7b'"),
        ("metric:blue", "Did you mean 'metric:bleu'"),
        ("rouge", r"Known are embedded, .*metric:rouge_l.*hf:<id or folder>.*scripted:<file>"),
        ("", "Known are"),
        ("hf:", "Known are"),
        ("scripted:", "Known are"),
        ("metric:", "Known are"),
        ("openai:gpt", "Known are"),
        ("/no/such/folder", "no judge and no folder"),
        ("x" * 10_000, "no judge and no folder"),
        ("nul\0", "no judge and no folder"),
        ("hf:a/b+", r"expected <id or folder>\+<adapter>"),
        ("hf:+a/b", r"expected <id or folder>\+<adapter>"),
    ],
)
def test_an_unknown_judge_is_refused_with_the_known_ones(spec, complaint):
    with pytest.raises(InputError, match=complaint):
        load_backend(spec)


def test_every_judge_is_listed_without_loading_one():
    rows = {row.spec: row for row in list_backends()}
    named = [row.spec for row in rows.values() if row.named]
    assert named == ["embedded", *PRESETS, "metric:bleu", "metric:chrf", "metric:rouge_l", "metric:bertscore"]
    assert [spec for spec in rows if spec not in named] == [
        "hf:<id or folder>[+<adapter>]",
        "<folder>",
        "reward:<id or folder>",
        "server:<model>@<url>",
        "scripted:<file>",
    ]
    assert all(row.what for row in rows.values())
    assert (rows["embedded"].missing is None) == (EMBEDDED / "config.json").is_file()
    assert rows["metric:bleu"].missing is None


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "sacrebleu" else object())
    missing = {row.spec: row.missing for row in list_backends()}
    assert missing["metric:bleu"] == "the package sacrebleu is not installed; pip install -r requirements.txt"
    assert missing["metric:rouge_l"] is None
    with pytest.raises(BackendError, match="metric:bleu cannot be loaded: the package sacrebleu"):
        load_backend("metric:bleu")


def test_listing_and_small_judges_load_no_torch(tmp_path):
    script = tmp_path / "s.yaml"
    script.write_text("rules: [{reply: <score>4</score>}]")
    code = (
        "import sys; from workbench.backends import list_backends, load_backend; list_backends(); "
        f"load_backend('scripted:{script}'); load_backend('metric:rouge_l'); load_backend('metric:bleu'); "
        "print(*[name for name in ('torch', 'transformers', 'gradio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_options_that_a_judge_does_not_take(tmp_path):
    script = tmp_path / "s.yaml"
    script.write_text("rules: [{reply: <score>4</score>}]")
    with pytest.raises(InputError, match="got the option 'temperature', but it takes none"):
        load_backend(f"scripted:{script}", temperature=1)


def test_options_of_a_metric():
    with pytest.raises(InputError, match="got the option 'device', but it takes model, layer"):
        load_backend("metric:bleu", device="cpu")
    with pytest.raises(InputError, match="metric:bleu: got the option 'layer', but it takes none"):
        load_backend("metric:bleu", layer=3)


@pytest.mark.parametrize(
    "model, parts",
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", ("Qwen/Qwen2.5-VL-7B-Instruct", None)),
        ("Qwen/Qwen2.5-VL-7B-Instruct+me/lora", ("Qwen/Qwen2.5-VL-7B-Instruct", "me/lora")),
    ],
)
def test_model_and_adapter(model, parts):
    assert split_adapter(model) == parts


def test_a_plus_in_a_folder_name_is_no_adapter(tmp_path):
    folder = tmp_path / "c++"
    folder.mkdir()
    assert split_adapter(str(folder)) == (str(folder), None)
    assert split_adapter(f"{folder}+me/lora") == (str(folder), "me/lora")


def test_the_loader_gets_what_the_spec_says(monkeypatch, tmp_path):
    seen = []

    def loader(model, adapter=None, *, dtype="auto"):
        seen.append((model, adapter, dtype))
        return SimpleNamespace(name="a folder")

    monkeypatch.setattr("workbench.backends.local.load_local", loader)
    monkeypatch.setattr("workbench.backends._missing", lambda packages: None)
    assert load_backend("embedded").name == "embedded"
    assert load_backend(" qwen2.5-vl-3b ").name == "qwen2.5-vl-3b"
    assert load_backend("hf:a/b+c/d", dtype="float32").name == "hf:a/b+c/d"
    assert load_backend(str(tmp_path)).name == str(tmp_path)
    assert seen == [
        (str(EMBEDDED), None, "auto"),
        ("Qwen/Qwen2.5-VL-3B-Instruct", None, "auto"),
        ("a/b", "c/d", "float32"),
        (str(tmp_path), None, "auto"),
    ]
    with pytest.raises(InputError, match="got the option 'dtyp', but it takes dtype"):
        load_backend("embedded", dtyp="float32")


def test_a_real_checkpoint_by_folder(qwen25_checkpoint):
    backend = load_backend(f"hf:{qwen25_checkpoint}", dtype="float32")
    assert backend.name == f"hf:{qwen25_checkpoint}" and backend.view == "video"
    assert backend.generate([], Sampling()) == []
    backend.close()


def test_every_loader_exists():
    for module, function in LOADERS.values():
        assert callable(getattr(__import__(module, fromlist=[function]), function))
