"""The figures of an evaluation, by hand."""

from workbench.schema import Judgment


def answered(item, score, truth, video, **fields):
    from training.evaluate import Answered

    status = "unparsed" if score is None else "scored"
    judged = Judgment(item, "j", "p", status, **({"score": score} if score is not None else {}))
    return Answered(judged, Judgment(item, "target", "p", "scored", score=truth), video, fields)


def test_figures_by_hand():
    from training.evaluate import measure

    some = [answered(str(n), score, n, f"v{n}") for n, score in ((1, 1.0), (2, 3.0), (3, 2.0), (4, 4.0), (5, None))]
    figures = measure(some)
    assert figures["well-formed"].value == 0.8
    assert figures["well-formed"].n == 5
    assert figures["Spearman"].value == 0.8  # ranks 1 3 2 4 against 1 2 3 4: 1 - 6 * 2 / 60
    assert figures["MAE"].value == 0.5
    assert figures["Spearman"].n == 4
    assert figures["MAE"].low <= 0.5 <= figures["MAE"].high


def test_pairs_count_accuracy_and_flips():
    from training.evaluate import Answered, measure

    def pair(item, choice, truth, hard):
        target = Judgment(item, "target", "p", "scored", choice=truth)
        return Answered(Judgment(item, "j", "p", "scored", choice=choice), target, item, {"hard": hard})

    some = [
        pair("x", "A", "A", "no"),
        pair("x", "A", "A", "no"),
        pair("y", "A", "B", "yes"),
        pair("y", "B", "B", "yes"),
    ]
    figures = measure(some)
    assert figures["accuracy"].value == 0.75
    assert figures["accuracy, 2 against 3"].value == 0.5
    assert figures["order flips"].value == 0.5
