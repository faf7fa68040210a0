"""Text metrics as judges, `metric:bleu|chrf|rouge_l|bertscore`: how close a response's wording is to the reference.

They see no video. Scores are on the metric's own scale, 0 to 100, by the reference implementations' definitions.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, NamedTuple

from workbench.backends.base import Chat, Declared, Reply
from workbench.backends.computed import verdict_of
from workbench.errors import BackendError, InputError
from workbench.schema import DEFAULT_FRAMES, Sampling, VideoPolicy, View

SCALE = (0, 100)
DOMAIN = "Compares wording with the reference answer; it sees no video and cannot tell a wrong fact from another word."


class Metric(NamedTuple):
    """A metric and what fixes its values: its name, its settings, the versions of what computes it."""

    name: str
    score: Callable[[str, str], float]  # response, reference -> 0 to 100
    identity: Mapping[str, Any]


@dataclass
class MetricBackend:
    """The judge of one metric. A pair's higher score wins, equal ones tie; rankings are sorted, equal scores by their
    place in the item, so that the order of showing changes nothing."""

    name: str
    metric: Metric
    identity: Mapping[str, Any] = field(init=False)
    view: View = "none"
    sampling: Sampling = Sampling()
    video_policy: VideoPolicy = VideoPolicy(frames=DEFAULT_FRAMES)
    declared: Declared = Declared(domain=DOMAIN)

    def __post_init__(self):
        self.identity = {"backend": "metric", "metric": self.metric.name, "scale": list(SCALE), **self.metric.identity}

    def generate(self, chats: Sequence[Chat], sampling: Sampling | Sequence[Sampling]) -> list[Reply | BackendError]:
        """One computed verdict for each chat; a BackendError for an item without a reference answer."""
        return [self._judge(chat) for chat in chats]

    def _judge(self, chat: Chat) -> Reply | BackendError:
        item = chat.item
        if item is None or not (item.reference or "").strip():
            return BackendError(f"{self.name} compares with a reference answer; this item has none, so give it one.")
        scores = [self.metric.score(item.responses[place], item.reference or "") for place in chat.order]
        text = f"{self.metric.name} against the reference, 0 to 100: " + ", ".join(f"{score:.2f}" for score in scores)
        return Reply(text, verdict=verdict_of(scores, chat.order)._replace(reasoning=text))

    def close(self) -> None:
        """Nothing is held."""


def load_metric(name: str, *, model: str | None = None, layer: int | None = None) -> MetricBackend:
    """The judge of a metric. `model` and `layer` are bertscore's: an encoder (Hub id or folder) and its hidden layer.

    Raises InputError where they do not fit, BackendError when the model cannot be loaded.
    """
    options = {key: value for key, value in (("model", model), ("layer", layer)) if value is not None}
    if options and name != "bertscore":
        raise InputError(f"metric:{name}: got the option {next(iter(options))!r}, but it takes none.")
    return MetricBackend(f"metric:{name}", _METRICS[name](**options))


# -- the metrics


def _bleu() -> Metric:
    """Sentence BLEU (sacrebleu: 13a tokens, exponential smoothing, effective order). Words are what spaces separate."""
    from sacrebleu.metrics import BLEU

    bleu = BLEU(effective_order=True)
    settings = {"tokens": "13a", "smoothing": "exp", "effective_order": True, "sacrebleu": version("sacrebleu")}
    return Metric(
        "bleu", lambda response, reference: _of_100(bleu.sentence_score(response, [reference]).score), settings
    )


def _chrf() -> Metric:
    """Sentence chrF2 (sacrebleu: characters up to 6, no words): also right for languages written without spaces."""
    from sacrebleu.metrics import CHRF

    chrf = CHRF()
    settings = {"characters": 6, "words": 0, "beta": 2, "sacrebleu": version("sacrebleu")}
    return Metric(
        "chrf", lambda response, reference: _of_100(chrf.sentence_score(response, [reference]).score), settings
    )


class _Words:
    """Lower-cased runs of letters and digits of any script, Chinese and Japanese by the character. On plain English the
    same tokens as rouge-score's own, which drop every letter outside a to z and so would call other languages empty."""

    _TOKEN = re.compile("[\u3040-\u30ff\u3400-\u9fff]|[^\\W_\u3040-\u30ff\u3400-\u9fff]+")

    def tokenize(self, text: str) -> list[str]:
        return self._TOKEN.findall(text.lower())


def _rouge_l() -> Metric:
    """ROUGE-L, the F-measure of the longest common subsequence of words (rouge-score, no stemming)."""
    from rouge_score.rouge_scorer import RougeScorer

    rouge = RougeScorer(["rougeL"], tokenizer=_Words())
    settings = {"tokens": "letters and digits", "stemming": False, "rouge_score": version("rouge-score")}

    def score(response: str, reference: str) -> float:
        return _of_100(100 * rouge.score(reference, response)["rougeL"].fmeasure)

    return Metric("rouge_l", score, settings)


def _of_100(score: float) -> float:
    """Without the last bits in which equal scores may differ, so that equal wordings tie."""
    return round(min(max(score, 0.0), 100.0), 6)


def _bertscore(**options: Any) -> Metric:
    from workbench.backends.bertscore import bertscore  # torch comes with it

    return bertscore(**options)


_METRICS: Mapping[str, Callable[..., Metric]] = {
    "bleu": _bleu,
    "chrf": _chrf,
    "rouge_l": _rouge_l,
    "bertscore": _bertscore,
}
