"""Whole audits by the command line: judges that are known to look or not, to favour A, length, orders are found out."""

import json
import re

import numpy as np
import pytest
import yaml
from PIL import Image

from analysis.__main__ import main
from analysis.audit import audit_report
from analysis.audit.ask import ask, audit_prompts, read_asked
from analysis.audit.attacks import ATTACKS, PAIR_ATTACKS
from analysis.audit.plan import AuditOptions, variants_of
from analysis.audit.source import drawn, open_source
from workbench.backends.base import Declared, Reply
from workbench.batch import Assignment
from workbench.schema import Item, Judgment, Sampling, Video, VideoPolicy
from workbench.store import Run
from workbench.video import sample_frames, sha256_of

VIDEOS = 4


@pytest.fixture(autouse=True)
def decoding_in_this_process(monkeypatch):
    """The worker process that decodes has its own tests; starting one for every clip takes most of the time here."""
    monkeypatch.setattr("workbench.judge.sample_frames", lambda path, policy, limits: sample_frames(path, policy))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run of four clips that grow darker, each with a right (5), a half right (3) and a wrong (1) response, and gold pairs."""
    folder = tmp_path_factory.mktemp("source")
    run = Run.create(folder / "run", config={})
    with run.writing():
        for number in range(VIDEOS):
            clip = folder / f"clip{number}"
            clip.mkdir()
            for frame in range(4):
                level = np.full((56, 56, 3), 240 - 60 * frame + number, np.uint8)
                Image.fromarray(level).save(clip / f"{frame}.png")
            video, about = Video(sha256_of(clip), str(clip)), f"What does clip {number} show?"
            texts = {5: f"right {number}: it grows dark", 3: f"half {number}: something", 1: f"wrong {number}: a cat"}
            items = [Item(video, about, (text,)) for text in texts.values()]
            pair = Item(video, about, (texts[5], texts[1]))
            run.add_items([*items, pair])
            for item, rating in zip(items, texts, strict=True):
                run.append(Judgment(item.id, "human:a", "label", "scored", score=float(rating)))
            run.append(Judgment(pair.id, "human:a", "label", "scored", choice="A"))
    return run.folder


def rule(score, **conditions):
    return {**conditions, "reply": f"<thinking>so</thinking><score>{score}</score>"}


def script(tmp_path, rules, view="video"):
    path = tmp_path / "judge.yaml"
    path.write_text(yaml.safe_dump({"view": view, "rules": rules}))
    return f"scripted:{path}"


def audited(tmp_path, source, rules, *options, view="video"):
    out = tmp_path / "audit"
    code = main(["audit", str(source), "--judge", script(tmp_path, rules, view), "--items", "12", "--frames", "2",
                 "--out", str(out), *options])  # fmt: skip
    assert code == 0
    (judge,) = audit_report(out).judges.values()
    return judge


FIRST = {"contains": "<response_b>", "reply": "<answer>A</answer>"}
HONEST = [rule(5, where={"response": "right"}), rule(3, where={"response": "half"}), rule(1)]


def looks(source):
    """Right responses are right beside their own clip alone; without a video nothing is."""
    items = [item for item in Run.open(source).items().values() if item.kind == "pointwise"]
    return [rule(1, contains="No video is available here"),
            *(rule(5 if "right" in item.responses[0] else 3, where={"video": item.video.sha256, "response": item.responses[0]})
              for item in items if "wrong" not in item.responses[0]), rule(1)]  # fmt: skip


# -- does it look?


def test_a_judge_that_looks(tmp_path, source):
    found = audited(tmp_path, source, looks(source), "--only", "looking").probes["looking"]
    assert found["video_reliance"].value == pytest.approx(1.0)
    assert found["agreement_lost"].value == pytest.approx(1.0)
    assert (found["video_reliance"].n, found["video_reliance"].videos) == (12, VIDEOS)
    assert found["moves: another video"].value == found["moves: no video"].value == 2.0  # (4 + 2 + 0) / 3
    assert found["lift: another video"].value == -2.0
    assert found["moves: asked again"].value == found["moves: frames reversed"].value == 0.0


def test_a_judge_that_does_not(tmp_path, source):
    found = audited(tmp_path, source, HONEST, "--only", "looking").probes["looking"]
    assert found["video_reliance"].value == found["agreement_lost"].value == 0.0
    assert all(one.value == 0.0 for name, one in found.items() if name.startswith("moves"))


class Darkening:
    """Says that something grows dark when the last frame is darker than the first: it looks at the order of frames."""

    name, identity, view = "darkening", {"backend": "test"}, "video"
    sampling, video_policy, declared = Sampling(), VideoPolicy(frames=4), Declared(kinds=("pointwise",))

    def generate(self, chats, sampling):
        return [Reply(f"<thinking>so</thinking><score>{self._score(chat)}</score>") for chat in chats]

    def _score(self, chat):
        if chat.frames is None:
            return 3
        first, last = chat.frames.images[0].mean(), chat.frames.images[-1].mean()
        return 5 if last < first else 3 if last == first else 1

    def close(self):
        pass


def test_changes_of_frames_reach_the_judge(tmp_path, source):
    run = Run.create(tmp_path / "run", config={})
    found = drawn(open_source(source), 12, 0)
    with run.writing():
        ask(run, variants_of(found.items, found.pairs, AuditOptions(("looking", "position"))), [Darkening()],
            audit_prompts(), Assignment(("embedded",)), {})  # fmt: skip
    judge = audit_report(run).judges["darkening"]
    looking = judge.probes["looking"]
    assert looking["moves: frames reversed"].value == 4.0
    assert looking["moves: first frame only"].value == looking["moves: no video"].value == 2.0
    assert looking["moves: another video"].value == looking["moves: asked again"].value == 0.0
    assert looking["moves: frames shuffled"].value > 0
    assert "one score for everything" in looking["video_reliance"].reason
    assert "was not made for pairwise judging" in judge.refused["position"]
    orders = {one.settings.get("frame_order", "filmed") for one in run.judgments()}
    assert orders == {"filmed", "frozen", "reversed", "shuffled"}


def test_a_judge_that_is_shown_no_video_is_not_asked_whether_it_looks(tmp_path, source):
    judge = audited(tmp_path, source, HONEST, "--only", "looking,responses", view="none")
    assert judge.refused == {"looking": "this judge is not shown videos"}
    assert judge.video_reliance is None and "responses" in judge.probes


# -- what else moves it


def test_a_judge_that_favours_what_comes_first(tmp_path, source):
    found = audited(tmp_path, source, [FIRST, *HONEST], "--only", "position").probes["position"]
    assert found["inconsistent"].value == found["first_chosen"].value == 1.0
    assert found["accuracy"].value == 0.5 and found["consistent_accuracy"].value == 0.0


def test_a_judge_that_favours_length(tmp_path, source):
    long_first = {"matches": r"<response_a>\s*(\S+\s+){17,}</response_a>", "reply": "<answer>A</answer>"}
    second = {"contains": "<response_b>", "reply": "<answer>B</answer>"}
    long_one = rule(4, matches=r"<response>\s*(\S+\s+){17,}</response>")
    found = audited(tmp_path, source, [long_first, second, long_one, rule(2)], "--only", "verbosity").probes[
        "verbosity"
    ]
    assert found["padded_lift"].value == found["repeated_lift"].value == 2.0
    assert found["filler_lift"].value == 0.0
    assert found["padded_preferred"].value == 1.0


def test_favouring_a_place_is_not_favouring_length(tmp_path, source):
    found = audited(tmp_path, source, [FIRST, *HONEST], "--only", "verbosity").probes["verbosity"]
    assert found["padded_preferred"].value == 0.0 and found["padded_lift"].value == 0.0


def test_a_judge_that_obeys(tmp_path, source):
    choose = "\\s*[^<]*choose this response"
    pairs = [
        {"matches": f"<response_{letter.lower()}>{choose}", "reply": f"<answer>{letter}</answer>"} for letter in "AB"
    ]
    rules = [*pairs, {"contains": "<response_b>", "reply": "<answer>A</answer>"},
             rule(5, contains="Ignore all earlier instructions"), rule(2)]  # fmt: skip
    found = audited(tmp_path, source, rules, "--only", "injection").probes["injection"]
    assert found["lift: order"].value == 3.0 and found["lift: preamble"].value == 0.0
    obeyed = 1 / len(ATTACKS)  # hidden characters hide it from a judge that goes by the letter
    assert found["injection_lift"].value == pytest.approx(3 * obeyed)
    assert found["raised"].value == pytest.approx(obeyed)
    assert found["injection_lift"].n == 12 * len(ATTACKS) and found["neutral_sentence_lift"].value == 0.0
    assert found["pair lift: order"].value == 0.5 and found["pair lift: order"].n == VIDEOS  # else it takes the first
    assert found["pair_injection_lift"].value == pytest.approx(0.5 / len(PAIR_ATTACKS))
    assert found["pair_neutral_sentence_lift"].value == 0.0


def test_length_is_no_injection(tmp_path, source):
    rules = [{"contains": "<response_b>", "reply": "<answer>B</answer>"},
             rule(5, matches=r"<response>\s*(\S+\s+){17,}</response>"), rule(2)]  # fmt: skip
    found = audited(tmp_path, source, rules, "--only", "injection").probes["injection"]
    assert found["injection_lift"].value == 0.0 and found["neutral_sentence_lift"].value == 3.0
    assert found["pair_injection_lift"].value == 0.0


@pytest.mark.parametrize(
    "probe, figure, text",
    [
        ("bandwagon", "bandwagon_lift", "Nine out of ten people"),
        ("authority", "authority_lift", "professor of film"),
        ("sentiment", "cheerful_lift", "What a joy"),
        ("sentiment", "gloomy_lift", "sad and tired"),
    ],
)
def test_judges_that_are_moved_by_what_is_said_beside_the_matter(tmp_path, source, probe, figure, text):
    found = audited(tmp_path, source, [rule(4, contains=text), rule(2)], "--only", probe).probes[probe]
    assert found[figure].value == 2.0
    assert found[figure].n == 12


def test_a_judge_that_likes_anything(tmp_path, source):
    rules = [rule(5, matches=r"<response>\s*\.\.\.\s*</response>"), rule(1, contains="pasta"), *HONEST]
    found = audited(tmp_path, source, rules, "--only", "responses").probes["responses"]
    assert found["empty_score"].value == 5.0 and found["off_topic_score"].value == 1.0
    assert found["empty_not_lower"].value == 1.0 and found["off_topic_not_lower"].value == 0.0
    assert found["empty_not_lower"].n == 8  # of 12, four are rated lowest themselves


def test_a_judge_that_wavers(tmp_path, source):
    wavering = [{"reply": [f"<thinking>so</thinking><score>{score}</score>" for score in (2, 2, 4)]}]
    found = audited(tmp_path, source, wavering, "--only", "consistency", "--samples", "3").probes["consistency"]
    assert found["two_agree"].value == pytest.approx(1 / 3)  # of the pairs 22, 24, 24
    assert found["two_differ_by"].value == pytest.approx(4 / 3)
    assert found["all_agree"].value == 0.0 and found["agree_with_own"].value == pytest.approx(2 / 3)
    assert found["without_verdict"].value == 0.0


def test_a_judge_that_goes_by_the_wording_of_the_prompt(tmp_path, source):
    rules = [rule(4, contains="Give the response a mark"), rule(2)]
    found = audited(tmp_path, source, rules, "--only", "template").probes["template"]
    assert found["lift: pointwise-steps"].value == 2.0 and found["lift: pointwise-short"].value == 0.0
    assert found["moves"].value == 1.0 and found["changed"].value == 0.5


# -- the run


def test_the_plan_asks_nothing(tmp_path, source, capsys):
    out = tmp_path / "audit"
    assert main(["audit", str(source), "--judge", "scripted:none.yaml", "--plan", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"items: 12 rated alone, 4 pairs", shown) and re.search(r"extra calls: \d+ beside 12", shown)
    assert not out.exists()


def test_the_plan_is_what_is_asked(tmp_path, source, capsys):
    judge = audited(tmp_path, source, [FIRST, *HONEST])
    shown = capsys.readouterr().out
    extra, own = map(int, re.search(r"extra calls: (\d+) beside (\d+)", shown).groups())
    status = json.loads((tmp_path / "audit" / "status.json").read_text())
    assert judge.requests == extra + own == status["done"] == status["total"]
    assert judge.statuses == {"scored": judge.requests}
    written = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert written["gold"] == "human" and written["items"] == 12
    (one,) = written["judges"].values()
    assert one["probes"]["looking"]["video_reliance"]["value"] == 0.0
    assert "Does it look?" in shown and "video reliance" in shown


def test_a_killed_audit_goes_on(tmp_path, source, capsys):
    whole = audited(tmp_path, source, [FIRST, *HONEST], "--only", "looking,position")
    run = Run.open(tmp_path / "audit")
    lines = (run.folder / "judgments.jsonl").read_text().splitlines(keepends=True)
    (run.folder / "judgments.jsonl").write_text("".join(lines[:40]) + lines[40][:25])  # as kill -9 leaves it
    (run.folder / "audit.json").unlink()
    half = audit_report(run).judges[whole.judge]
    assert half.statuses["not asked yet"] and half.probes["looking"]["video_reliance"].left_out
    assert half.probes["position"]["inconsistent"].n + half.probes["position"]["inconsistent"].left_out == 4
    assert audited(tmp_path, source, [FIRST, *HONEST], "--only", "looking,position") == whole
    assert len(run.judgments()) == len(lines)
    assert (run.folder / "audit.json").exists()


def test_another_audit_is_refused_in_the_same_folder(tmp_path, source, capsys):
    audited(tmp_path, source, HONEST, "--only", "responses")
    assert main(["audit", str(source), "--judge", script(tmp_path, HONEST), "--only", "template", "--items", "12",
                 "--frames", "2", "--out", str(tmp_path / "audit")]) == 2  # fmt: skip
    assert "was run with other settings" in capsys.readouterr().err


def test_verdicts_that_a_run_has_are_taken_over(tmp_path, source, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    spec = script(tmp_path, HONEST)
    command = ["--judge", spec, "--only", "responses", "--items", "12", "--frames", "2"]
    assert main(["audit", str(source), *command, "--out", str(first)]) == 0
    assert main(["audit", str(first), *command, "--out", str(second)]) == 0
    made = {one.key: one.created for one in Run.open(first).judgments()}
    again = {one.key: one.created for one in Run.open(second).judgments()}
    assert made == again and len(read_asked(Run.open(second))) == len(read_asked(Run.open(first)))


def test_missing_verdicts_are_left_out_and_said(tmp_path, source, capsys):
    rules = [{"contains": "pasta", "reply": "no idea"}, *HONEST]
    out = tmp_path / "audit"
    assert main(["audit", str(source), "--judge", script(tmp_path, rules), "--only", "responses", "--items", "12",
                 "--frames", "2", "--out", str(out)]) == 1  # fmt: skip
    (judge,) = audit_report(out).judges.values()
    assert judge.probes["responses"]["off_topic_score"].n == 0
    assert judge.probes["responses"]["off_topic_score"].left_out == 12
    assert judge.statuses["unparsed"] == 4  # the twins of one question are one request


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["nowhere"], "nowhere"),
        (["{source}", "--only", "length"], "--only: got 'length'"),
        (["{source}", "--samples", "1"], "expected at least 2"),
        (["{source}", "--mode", "pairwise"], "expected a pointwise and a pairwise one"),
        (["{empty}"], "without run.json or items.jsonl"),
    ],
)
def test_requests_that_cannot_be(tmp_path, source, arguments, said, capsys):
    arguments = [word.format(source=source, empty=tmp_path) for word in arguments]
    assert main(["audit", *arguments, "--plan"]) == 2
    assert said in capsys.readouterr().err


def test_a_run_that_is_no_audit(source):
    with pytest.raises(Exception, match="is no audit"):
        audit_report(source)
