"""Rubrics of instructions: written by a judge, read, refused and kept; a world's own found again."""

import json
from dataclasses import dataclass, field

from bootstrap_sets import rated_set

from bootstrap.rubrics import world_rubrics, write_rubrics
from workbench.backends.base import Declared, Reply
from workbench.errors import BackendError
from workbench.schema import Item, Sampling, VideoPolicy


@dataclass
class RubricWriterByHand:
    """Writes rubrics: a good one, one that tells of the reference, none, or an error, by the question's number."""

    name: str = "server:rubrics"
    identity: dict = field(default_factory=lambda: {"backend": "by hand"})
    view: str = "description"
    sampling: Sampling = Sampling()
    video_policy: VideoPolicy = VideoPolicy(frames=1)
    declared: Declared = Declared()
    asked: list = field(default_factory=list)

    def generate(self, chats, sampling):
        self.asked += chats
        return [self.answer(chat) for chat in chats]

    def answer(self, chat):
        assert "$" not in chat.text and chat.item.reference in chat.text
        number = int(chat.item.instruction.split()[1].rstrip("?"))
        levels = {str(level): f"Names {level} of five things." for level in range(1, 6)}
        if number == 1:
            levels["5"] = "Agrees with the reference answer."
        if number == 3:
            return BackendError("overloaded")
        return Reply("none" if number == 2 else json.dumps(levels))

    def close(self):
        pass


def test_rubrics_are_written_read_refused_and_kept(tmp_path):
    seeds, writer = [rated_set(number).seed for number in range(20)], RubricWriterByHand()
    written = write_rubrics(seeds, writer, Sampling(), tmp_path / "rubrics.jsonl")
    assert [one.seed for one in written] == [seed.id for seed in seeds]
    assert written[0].text.splitlines()[0] == "5 (Excellent): Names 5 of five things."
    problems = [one.problem for one in written if one.problem]
    assert problems == [
        "it refers to 'the reference'",
        "level 1 of 5: no entry in any JSON object of the reply",
        "overloaded",
    ]
    again = RubricWriterByHand()
    assert write_rubrics(seeds, again, Sampling(), tmp_path / "rubrics.jsonl") == written
    assert len(writer.asked) == 20 and len(again.asked) == 3  # only what was refused or failed


def test_a_worlds_own_rubrics_are_found_by_video_and_instruction(tmp_path):
    from bootstrap.world.sampling import CORE, sample_scene
    from bootstrap.world.targets import scene_rows
    from workbench.schema import Video

    clip = tmp_path / "clips" / "a.mp4"
    rows = scene_rows(sample_scene(CORE, "train", 0, 1), Video("a", "clips/a.mp4"), 2, 0.0)
    (tmp_path / "world.json").write_text("{}")
    for name, lines in (("items", [row.item for row in rows]), ("judgments", [row.judgment for row in rows])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line.to_dict()) + "\n" for line in lines))
    seeds = [Item(Video("a", str(clip)), row.item.instruction, row.item.responses) for row in rows]
    stranger = Item(Video("b", str(clip)), rows[0].item.instruction, ("x",))
    found = world_rubrics([*seeds, stranger, rated_set(1).seed])
    assert found == {seed.id: row.judgment.rubric for seed, row in zip(seeds, rows, strict=True)}
