"""Rankings of three and more responses measured: normalised edit distance, Kendall's tau, the best one found."""

from collections import Counter
from collections.abc import Sequence

from scipy.stats import kendalltau

from analysis.estimate import Estimate, mean_estimate, numbered
from analysis.gold_labels import gold_labels
from analysis.matching import absent_rows
from analysis.records import Records
from workbench.errors import InputError
from workbench.replies import Unparsed, read_reply
from workbench.reply_form import ReplyForm
from workbench.verdict_text import letter

RANKING = ("edit_distance", "kendall_tau", "exact", "best_found")


def ranking_figures(records: Records, column: int, gold: str) -> dict[str, Estimate]:
    """Every figure of RANKING for a judge's rankings beside the gold ones (all annotators', each a row of its own).

    Rankings never asked for are left out and counted; of a judge that was asked for none, nothing is.
    """
    golds = gold_rankings(records, gold)
    verdicts = [verdict for verdict in records.of([column]) if verdict.item in golds]
    asked = Counter(verdict.item for verdict in verdicts)
    pairs, videos, missing = (
        [],
        [],
        sum(len(golds[item]) * absent_rows([item], asked) for item in golds) if asked else 0,
    )
    for verdict in verdicts:
        for truth in golds[verdict.item]:
            if verdict.ranking is None or sorted(verdict.ranking) != sorted(truth):
                missing += 1
            else:
                pairs.append((verdict.ranking, truth))
                videos.append(records.items[verdict.item].video if verdict.item in records.items else verdict.item)
    clusters = numbered(videos)
    columns_of = (edit_distance, ranking_tau, lambda one, other: one == other, lambda one, other: one[0] == other[0])
    return {
        name: mean_estimate([float(value(*pair)) for pair in pairs], clusters, missing)
        for name, value in zip(RANKING, columns_of, strict=True)
    }


def gold_rankings(records: Records, gold: str) -> dict[str, list[tuple[int, ...]]]:
    """The gold rankings by item id, one for each annotator."""
    found: dict[str, list[tuple[int, ...]]] = {}
    for said in rankings_by_annotator(records, gold).values():
        for item, ranking in said.items():
            found.setdefault(item, []).append(ranking)
    return found


def rankings_by_annotator(records: Records, gold: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """How each gold judge ranks each item: one ranking, several samples of one judge taken together.

    Raises InputError where nobody is called `gold`.
    """
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for judge, verdicts in gold_labels(records, gold).items():
        said: dict[str, list[tuple[int, ...]]] = {}
        for verdict in verdicts:
            if verdict.ranking is not None:
                said.setdefault(verdict.item, []).append(verdict.ranking)
        found[judge] = {item: joint_ranking(some) for item, some in said.items()}
    return found


def joint_ranking(rankings: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """What several rankings of the same responses say together: by mean place (Borda), equal ones as the item has them."""
    return tuple(sorted(rankings[0], key=lambda response: (sum(one.index(response) for one in rankings), response)))


def in_letters(ranking: Sequence[int]) -> str:
    """A ranking as it is shown: "B > A > C"."""
    return " > ".join(map(letter, ranking))


def read_ranking(text: str, responses: int, name: str = "ranking") -> tuple[int, ...]:
    """The reverse. Raises InputError, saying what `name` was, for anything but each letter once."""
    form = ReplyForm("ranking", ("ranking",), responses=responses)
    found = read_reply(form, f"<ranking>{text}</ranking>")
    if isinstance(found, Unparsed) or found.ranking is None:
        raise InputError(
            f"{name}: got {text!r:.80}, expected the letters {form.letters[0]} to {form.letters[-1]}, best first."
        )
    return found.ranking


def edit_distance(one: Sequence[int], other: Sequence[int]) -> float:
    """Levenshtein distance of two rankings over the longer one's length (MLLM-as-a-Judge, section 3.3): 0 is equal."""
    before = list(range(len(other) + 1))
    for place, left in enumerate(one, 1):
        row = [place]
        for column, right in enumerate(other, 1):
            row.append(min(before[column] + 1, row[-1] + 1, before[column - 1] + (left != right)))
        before = row
    return before[-1] / max(len(one), len(other))


def ranking_tau(one: Sequence[int], other: Sequence[int]) -> float:
    """Kendall's tau between the places that two rankings give the same responses."""
    places = [{response: place for place, response in enumerate(ranking)} for ranking in (one, other)]
    responses = sorted(places[0])
    return float(kendalltau([places[0][r] for r in responses], [places[1][r] for r in responses]).statistic)
