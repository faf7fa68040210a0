"""Blind votes between two judges' verdicts: human Judgments on pairs of verdicts, and who leads by Elo.

A vote is on an Item of its own: the two verdicts are its responses (in the order of the judges' names), and its tags name the
judges, as `games_of` reads competitors. The names stand in the tags alone, which no judge is shown.
"""

import secrets
from pathlib import Path
from typing import NamedTuple

from analysis.arena import Standing, games_of, standings
from analysis.estimate import Estimate
from analysis.figures import forest_figure, forest_info
from analysis.labelling import human, keep_label
from analysis.pairs import pair_rows
from analysis.records import read_runs
from analysis.report_preferences import rating, strength
from analysis.sections import INTERVALS, Drawn, Section, counted
from analysis.side_by_side import Side, said_in_all
from workbench.errors import InputError
from workbench.owners import own_name
from workbench.page.verdict import PageVerdict
from workbench.schema import Choice, Item, Judgment, content_id

VOTES = "votes"  # the run's name under the page's runs
PROMPT = "vote"


class Ballot(NamedTuple):
    """Two sides that answered, in the order of their judges' names, and the order in which they are shown."""

    sides: tuple[Side, Side]
    order: tuple[int, int]


def draw_two(judges: list[str]) -> list[str]:
    """Two of the judges, by chance. The record of a vote names them; what chance chose need not be repeatable."""
    return secrets.SystemRandom().sample(judges, 2)


def ballot_of(sides: list[Side]) -> Ballot:
    """A ballot in an order drawn for it. Raises InputError, naming nobody, where one of the two has no verdict."""
    first, second = sorted(sides, key=lambda side: side.judge)
    if first.verdict is None or second.verdict is None:
        raise InputError(
            "One of the two judges could not answer, so there is nothing to vote on. Try again, or not blind."
        )
    return Ballot((first, second), (0, 1) if secrets.randbelow(2) else (1, 0))


def vote_item(ballot: Ballot) -> Item:
    """What was voted on."""
    first, second = ballot.sides
    assert first.verdict is not None and second.verdict is not None
    item = first.verdict.item
    answers = "\n".join(f"Answer: {response}" for response in item.responses)
    marks = " and ".join(content_id(side.judge, 6) for side in ballot.sides)  # tells ballots apart, and no names
    question = f"Which verdict is the better one? (verdicts {marks})\n\nInstruction: {item.instruction}\n{answers}"
    tags = {"model_a": first.judge, "model_b": second.judge}
    return Item(item.video, question, (verdict_words(first.verdict), verdict_words(second.verdict)), tags=tags)


def verdict_words(found: PageVerdict) -> str:
    """A verdict as text: what it says, then why."""
    if found.form.scores:
        said = [f"{title}: {'no verdict' if one.score is None else f'{one.score:g}'}"
                for title, one in zip(found.titles, found.judgments, strict=True)]  # fmt: skip
    else:
        said = [f"Outcome: {said_in_all(found)}"]
    why = [one.reasoning.strip() for one in found.judgments if one.reasoning and one.reasoning.strip()]
    return "\n".join([*said, *why])


def keep_vote(runs: Path, ballot: Ballot, name: str, shown: str) -> Judgment:
    """Keep a vote for the "first" or "second" as shown, or a "tie". Raises InputError for a name or vote that is none."""
    if shown not in ("first", "second", "tie"):
        raise InputError(f"vote: got {shown!r}, expected first, second or tie.")
    choice: Choice = "tie"
    if shown != "tie":
        choice = "A" if ballot.order[0 if shown == "first" else 1] == 0 else "B"
    settings = {"blind": True, "order": list(ballot.order)}
    item = vote_item(ballot)
    judgment = Judgment(item.id, human(name), PROMPT, "scored", choice=choice, settings=settings)
    keep_label(runs / own_name(VOTES), item, judgment)
    return judgment


def leaders(runs: Path) -> list[Standing]:
    """Who wins, by all people's votes; none before the first."""
    if not (runs / own_name(VOTES) / "run.json").exists():
        return []
    records = read_runs([runs / own_name(VOTES)])
    rows = [row for column in range(len(records.columns)) for row in pair_rows(records, column, {})]
    return standings(*games_of(rows))


def leaders_section(lines: list[Standing]) -> Section:
    """The table of who leads, with the Elo ratings as a figure."""
    estimates: dict[str, Estimate] = {line.name: line.elo for line in lines}
    drawn = Drawn("", forest_info("Elo rating by votes", estimates, "high", 1000.0, strength), forest_figure,
                  f"400 more means ten times the odds of winning a vote; 1000 (dotted) is where everybody starts. {INTERVALS}",
                  counted(estimates.values()))  # fmt: skip
    rows = tuple((line.name, str(line.games), str(line.wins), str(line.ties), rating(line.elo), rating(line.bradley_terry))
                 for line in lines)  # fmt: skip
    return Section("votes", "Who wins the blind votes?", "All people's votes. A tie is half a win for both; somebody asked in both "
                   "orders who contradicts themselves has not voted.", "Preferences", "", (),
                   ("judge", "votes", "wins", "ties", "Elo", "Bradley-Terry"), rows, (drawn,))  # fmt: skip
