"""What the page does in the background so that the first verdict is quick."""

from types import SimpleNamespace

from workbench.page import warm_up


def loaded(monkeypatch, load):
    monkeypatch.setattr(warm_up, "SECONDS", 0)
    monkeypatch.setattr(warm_up, "load_backend", load)
    thread = warm_up.warm_up()
    if thread.ident:
        thread.join(10)
    return thread


def test_the_judge_that_ships_is_loaded_once_and_let_go(monkeypatch):
    seen = []

    def load(spec, **options):
        seen.append((spec, options))
        return SimpleNamespace(close=lambda: seen.append("closed"))

    loaded(monkeypatch, load)
    assert seen == [("embedded", {"device": "cpu"}), "closed"]


def test_what_goes_wrong_is_told_to_whoever_asks_for_a_judge(monkeypatch, capsys):
    def load(spec, **options):
        raise ImportError("no torch here")

    loaded(monkeypatch, load)
    assert capsys.readouterr().err == ""


def test_on_zero_gpu_judges_are_prepared_already(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert loaded(monkeypatch, lambda spec, **options: None).ident is None
