"""The Space: its card, its versions, what is in the built folder and that it is all that the app imports; its push."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from spaces_config.__main__ import main
from spaces_config.assemble import build_space, space_files
from spaces_config.card import SHORT, Settings, front_matter, write_card
from spaces_config.hardware import floors, pins_for
from tests.hub_stand_in import TOKEN, hub  # noqa: F401  a fixture
from workbench.errors import InputError

ROOT = Path(__file__).parent.parent
JUDGE = "videojudge-7b-rubric"
# PyTorch versions that ZeroGPU lists (docs/spaces.md says where); its pair may lie below requirements.txt's floor.
ZERO_GPU_TORCH = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")
ZERO_GPU_PYTHON = ("3.12.12", "3.10.13")
PAIR = {"torch", "torchvision"}
OPTIONAL = {
    "spaces": "on ZeroGPU only, and in its requirements",
    "trackio": "where whoever trains has installed it; a Space does not train",
}


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def test_every_requirement_is_pinned_at_or_above_its_floor():
    asked = floors((ROOT / "requirements.txt").read_text())
    asked.pop("eva-decord")  # for macOS
    for hardware in ("zero-gpu", "cpu-basic"):
        pins = pins_for(hardware)
        there = pins.packages | {"gradio": pins.gradio}
        assert set(asked) <= set(there), hardware
        below = {name for name, floor in asked.items() if version(there[name]) < version(floor)}
        assert below == (PAIR if hardware == "zero-gpu" else set())
        assert set(there) - set(asked) == ({"spaces"} if hardware == "zero-gpu" else set())


def test_zero_gpu_gets_versions_of_its_list():
    pins = pins_for("zero-gpu")
    assert pins.packages["torch"] in ZERO_GPU_TORCH and pins.python in ZERO_GPU_PYTHON
    assert version(pins.python) >= (3, 11), "our code needs it"


def test_the_card_tells_the_hub_what_it_must_know():
    front = yaml.safe_load(write_card(Settings("zero-gpu", JUDGE, "ann/verdicts")).split("---")[1])
    assert (front["sdk"], front["sdk_version"], front["python_version"]) == ("gradio", "6.31.0", "3.12.12")
    assert (front["app_file"], front["suggested_hardware"]) == ("app.py", "zero-a10g")
    assert front["models"] == ["VideoJudge/Qwen2.5-VL-7B-Instruct-VideoJudgeWithRubric-RS-20K"]
    assert front["datasets"] == ["ann/verdicts"]
    assert len(SHORT) <= 60, "the Hub refuses longer ones"
    assert "videojudge" in front["tags"]


def test_the_card_leaves_out_what_there_is_not_and_says_what_answers():
    plain = write_card(Settings("cpu-basic"))
    assert {"models", "datasets"}.isdisjoint(yaml.safe_load(plain.split("---")[1]))
    assert "gone when it restarts" in plain and "knows only the workbench's own procedural world" in plain
    assert "needs a GPU" in write_card(Settings("cpu-upgrade", JUDGE))
    assert front_matter(Settings("t4-small"))["suggested_hardware"] == "t4-small"


# -- the folder


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("space") / "built"
    build_space(Settings("zero-gpu", JUDGE), out)
    return out


def test_the_folder_holds_what_the_space_needs_and_no_more(built):
    there = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert {"app.py", "README.md", "requirements.txt", "packages.txt", "LICENSE"} <= there
    assert {"workbench/embedded/model.safetensors", "workbench/examples/examples.json"} <= there
    assert {"workbench/page/page.css", "workbench/prompts/pointwise.yaml", "bootstrap/prompts/generate.yaml"} <= there
    assert {path.split("/")[0] for path in there if "/" in path} == {"workbench", "bootstrap", "training", "analysis"}
    assert not [path for path in there if path.endswith(".pyc") or "test" in path.split("/")[0]]
    assert (built / "packages.txt").read_text().split() == ["ffmpeg"]


def test_every_import_is_in_the_folder_or_its_requirements(built):
    """A name that only some other package of this environment brings would be missing in the Space."""
    lines = (built / "requirements.txt").read_text().split()
    stated = {line.split("==")[0] for line in lines} | {"gradio"}
    ours = {path.stem for path in built.iterdir() if path.is_dir() or path.suffix == ".py"}
    known = ours | set(sys.stdlib_module_names) | BROUGHT | set(OPTIONAL)
    wrong = {
        f"{path.relative_to(built)}: {name}"
        for path in built.rglob("*.py")
        for name in imported_names(path) - known
        if PACKAGES.get(name, name.replace("_", "-")) not in stated
    }
    assert not wrong


PACKAGES = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}  # import name -> package, where they differ
BROUGHT = {
    "httpx2",
    "jinja2",
    "packaging",
    "starlette",
    "tokenizers",
}  # huggingface-hub, gradio and transformers need them


def imported_names(path: Path) -> set[str]:
    """By the lines: reading four hundred syntax trees takes seconds."""
    found = re.findall(r"^ *(?:from ([a-zA-Z]\w*)[\w.]* import |import (\w+))", path.read_text(), re.MULTILINE)
    return {name for pair in found for name in pair if name}


@pytest.mark.parametrize(("words", "said"), [
    (["build", "--out", "{built}"], "give a new folder"),
    (["build", "--out", "{new}", "--hardware", "toaster"], "expected one of zero-gpu"),
    (["build", "--out", "{new}", "--judge", "hf:someone/else"], "expected embedded or a preset"),
    (["build", "--out", "{new}", "--results", "verdicts"], "expected USER/DATASET"),
])  # fmt: skip
def test_what_cannot_be_built_is_told(built, tmp_path, capsys, words, said):
    assert main([word.format(built=built, new=tmp_path / "new") for word in words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_checkout_that_lacks_something_is_told(tmp_path):
    with pytest.raises(InputError, match="whole checkout"):
        space_files(Settings(), tmp_path)


# -- the push


def push(hub, home, *words, token=TOKEN):  # noqa: F811
    command = [sys.executable, "-m", "spaces_config", "push", *words]
    shown = subprocess.run(command, cwd=ROOT, env=hub.env(home, token), capture_output=True, text=True, check=False)
    assert token is None or token not in shown.stdout + shown.stderr
    return shown


def test_a_dry_run_shows_everything_and_asks_the_hub_nothing(hub, capsys):  # noqa: F811
    words = ["push", "--repo", "ann/vj", "--dry-run", "--judge", JUDGE, "--results", "ann/verdicts"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    for said in ("private, on zero-gpu", "app.py", "workbench/embedded/model.safetensors", f"WORKBENCH_JUDGE={JUDGE}",
                 "WORKBENCH_RESULTS=ann/verdicts", "HF_TOKEN, a token that may write to ann/verdicts", "17 GB"):  # fmt: skip
        assert said in shown, said
    assert not hub.seen


def test_a_space_is_made_private_then_brought_up_to_date(hub, tmp_path):  # noqa: F811
    made = push(hub, tmp_path, "--repo=ann/vj", f"--judge={JUDGE}")
    assert made.returncode == 0, made.stderr
    space = hub.repos["space", "ann/vj"]
    assert (space.private, space.sdk, space.hardware) == (True, "gradio", "zero-a10g")
    assert space.variables == {"WORKBENCH_JUDGE": JUDGE}
    there = hub.read("ann/vj", "space")
    assert set(there) - {".gitattributes"} == {file.path for file in space_files(Settings("zero-gpu", JUDGE))}
    assert there["workbench/examples/turn.mp4"] == (ROOT / "workbench/examples/turn.mp4").read_bytes()

    space.commit("main", space.commits[space.branches["main"]] | {"old.py": hub.blobs.keep(b"old")}, "a file of before")
    again = push(hub, tmp_path, "--repo=ann/vj", "--hardware=cpu-basic", "--results=ann/verdicts")
    assert again.returncode == 0, again.stderr
    assert "set the secret HF_TOKEN" in again.stdout
    there = hub.read("ann/vj", "space")
    assert "old.py" not in there and re.search(rb"torch==2\.15", there["requirements.txt"])
    assert space.variables["WORKBENCH_RESULTS"] == "ann/verdicts" and space.hardware == "cpu-basic"

    refused = push(hub, tmp_path, "--repo=ann/vj", "--public")
    assert refused.returncode == 2 and "leave --public out" in refused.stderr


def test_without_a_token_nothing_is_pushed(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    assert main(["push", "--repo=ann/vj"]) == 2
    assert "no Hub token" in capsys.readouterr().err


def test_a_space_of_somebody_elses_making_is_left_alone(hub, tmp_path):  # noqa: F811
    hub.put("ann/vj", {"README.md": b"---\ntitle: mine\n---\n", "main.py": b"1"}, "space", private=True)
    refused = push(hub, tmp_path, "--repo=ann/vj")
    assert refused.returncode == 2 and "did not build" in refused.stderr
    assert set(hub.read("ann/vj", "space")) == {"README.md", "main.py"}
