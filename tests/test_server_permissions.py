"""What may be asked for: on one's own machine, among several, in a demo."""

import ast

import pytest

from tests.server import ROOT
from workbench import owners
from workbench.backends import check_allowed, check_spec
from workbench.errors import InputError
from workbench.owners import owner_of
from workbench.page.known_judge import known_judge
from workbench.page.server import credentials, ownership_note, users_of
from workbench.permissions import check_place, check_training, is_demo

ANNA = owner_of("a" * 40)


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    for name in ("WORKBENCH_DEMO", "SPACE_ID", "WORKBENCH_JUDGES", "WORKBENCH_USER", "WORKBENCH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def as_anna(monkeypatch):
    monkeypatch.setattr(owners, "_reader", lambda: ANNA)


@pytest.fixture
def demo(monkeypatch, as_anna):
    monkeypatch.setenv("WORKBENCH_DEMO", "1")


@pytest.mark.parametrize(
    ("demo", "space", "expected"),
    [
        ("1", "", True),
        ("0", "", False),
        ("", "", False),
        ("", "me/space", True),
        ("0", "me/space", False),
        ("no", "x", False),
    ],
)
def test_a_demo_is_said_or_a_space(monkeypatch, demo, space, expected):
    monkeypatch.setenv("WORKBENCH_DEMO", demo)
    monkeypatch.setenv("SPACE_ID", space)
    assert is_demo() is expected


OTHERS = ["hf:evil/model", "hf:evil/model+evil/adapter", "reward:evil/model", "scripted:/etc/passwd", "/etc", "~",
          "server:m@http://169.254.169.254/"]  # fmt: skip
PLACES = ["scripted:/etc/passwd", "hf:/etc", "/etc", "~/x", "hf:org/model+/etc", "hf:../x", "server:m@http://10.0.0.1/"]
ROOMS = ("workbench", "bootstrap", "training", "analysis", "spaces_config")


@pytest.mark.parametrize("spec", OTHERS)
def test_a_demo_asks_listed_judges_alone(demo, monkeypatch, spec):
    with pytest.raises(InputError, match="public demo"):
        check_allowed(spec)
    with pytest.raises(InputError, match="public demo"):
        check_spec(spec)
    assert "public demo" in known_judge(spec).problem  # and reads no judge.json for it
    check_allowed("embedded")
    check_allowed("metric:bleu")
    monkeypatch.setenv("WORKBENCH_JUDGES", f"embedded, {spec}")
    check_allowed(spec)


def test_a_demo_neither_trains_nor_reads_paths(demo, tmp_path):
    with pytest.raises(InputError, match="neither trains"):
        check_training()
    with pytest.raises(InputError, match="public demo"):
        check_place("seeds", str(tmp_path))


@pytest.mark.parametrize("spec", PLACES)
def test_among_several_a_judge_is_no_place_of_the_machine(as_anna, spec):
    with pytest.raises(InputError, match="several people"):
        check_allowed(spec)


def test_among_several_paths_are_those_of_ones_own_runs(as_anna, tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    owners.claim(mine)
    other.mkdir()
    (mine / "out").symlink_to(other)
    check_place("seeds", str(mine / "items.jsonl"))
    check_allowed(str(mine))
    with pytest.raises(InputError, match="several people"):  # a model's name is no path
        check_allowed(f"server:{mine}/m@http://10.0.0.1")
    check_allowed("hf:org/model")
    for path in (other, mine / ".." / "other", mine / "out" / "items.jsonl", "/etc/passwd", "items\0.jsonl"):
        with pytest.raises(InputError, match="own runs"):
            check_place("seeds", str(path))


def test_ones_own_machine_is_asked_for_anything(tmp_path):
    for spec in OTHERS:
        check_allowed(spec)
    check_place("seeds", "/etc/passwd")
    check_training()


@pytest.mark.parametrize(
    ("host", "said", "expected"),
    [("127.0.0.1", None, "one"), ("localhost", None, "one"), ("::1", None, "one"), ("0.0.0.0", None, "many"),
     ("192.168.1.2", None, "many"), ("127.0.0.1", "many", "many")],
)  # fmt: skip
def test_one_user_is_whoever_sits_at_the_machine(host, said, expected):
    assert users_of(host, said) == expected
    assert ("clearing its cookies loses" in ownership_note(expected)) == (expected == "many")


def test_strangers_never_share_what_is_for_one(monkeypatch):
    with pytest.raises(InputError, match="Use many"):
        users_of("0.0.0.0", "one")
    monkeypatch.setenv("WORKBENCH_DEMO", "1")
    assert users_of("127.0.0.1", None) == "many"
    with pytest.raises(InputError, match="public demo"):
        users_of("127.0.0.1", "one")


def test_a_password_needs_a_user(monkeypatch):
    assert credentials() is None
    monkeypatch.setenv("WORKBENCH_PASSWORD", "x" * 12)
    with pytest.raises(InputError, match="WORKBENCH_USER is not set"):
        credentials()
    monkeypatch.setenv("WORKBENCH_USER", "anna")
    assert credentials() == ("anna", "x" * 12)


def test_no_code_of_others_is_run():
    """No pickle is read, no remote code trusted, no text evaluated."""
    for path in [ROOT / "app.py", *(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"} & set(names), path
            if isinstance(node, ast.Call):
                _check_call(node, path)


def _check_call(node: ast.Call, path) -> None:
    name = ast.unparse(node.func)
    given = {word.arg: ast.unparse(word.value) for word in node.keywords}
    assert name not in ("eval", "exec", "compile", "os.system", "yaml.load", "numpy.load"), path
    assert given.get("trust_remote_code", "False") == "False" and given.get("shell", "False") == "False", path
    assert given.get("allow_pickle", "False") == "False", path
    assert name != "torch.load" or given.get("weights_only") == "True", path
