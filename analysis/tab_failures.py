"""The failure explorer in the Meta-eval tab: filters, one case at a time with its video, labels by people, the export."""

from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from analysis.case_card import PLACES, blind_card, open_card
from analysis.case_texts import CaseTexts, read_case
from analysis.cases import DIRECTIONS, Filters, judges_of, kinds
from analysis.explorer import Place, export_now, folders_of, load_cases, neighbour, queue, with_labels
from analysis.labelling import LABELS, keep_label, labelled_by, make_label, shown_order
from workbench.errors import VideoError, WorkbenchError
from workbench.owners import own_name
from workbench.page.frame_strip import frame_strip
from workbench.page.places import without_folders
from workbench.page.show import error_note, note
from workbench.page.upload import UPLOAD_LIMITS, copy_to_show
from workbench.page.verbatim import COPY_SCRIPT, verbatim_command
from workbench.page.verdict_card import letter_of
from workbench.permissions import may_see_video
from workbench.schema import DEFAULT_FRAMES, Item, VideoPolicy
from workbench.video import sample_frames

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
NO_CASE = '<p class="vj-note" role="status">No case passes these filters. Widen one of them.</p>'
NO_RUNS = '<p class="vj-sub">Choose runs above; their cases appear here; untick Blind for the worst first.</p>'
BLIND_HELP = ("Nobody's verdict is shown before your own, and the order tells nothing. Filters by error tell something: "
              "for labels that measure judges, filter by disagreement alone.")  # fmt: skip


class Explorer(NamedTuple):
    """The components; `current` is the item shown, None before the first, and `seen_by` the name it is shown to."""

    judge: gr.Dropdown
    direction: gr.Dropdown
    size: gr.Number
    rating: gr.Dropdown
    kind: gr.Dropdown
    shortest: gr.Number
    longest: gr.Number
    spread: gr.Number
    before: gr.Button
    after: gr.Button
    unlabelled: gr.Button
    count: gr.HTML
    player: gr.Video
    clip_note: gr.HTML
    frames: gr.HTML
    card: gr.HTML
    blind: gr.Checkbox
    who: gr.Textbox
    score: gr.Radio
    choice: gr.Radio
    ranking: gr.Dropdown
    reason: gr.Textbox
    save: gr.Button
    note: gr.HTML
    export: gr.Button
    archive: gr.DownloadButton
    exported: gr.HTML
    current: gr.State
    seen_by: gr.State

    @property
    def filters(self) -> list:
        return list(self[:8])

    @property
    def shown(self) -> list:
        return [self.count, self.player, self.clip_note, self.frames, self.card, self.score, self.choice, self.ranking,
                self.reason, self.save, self.note, self.current, self.seen_by]  # fmt: skip


def read_filters(*values: Any) -> Filters:
    """The Filters that the fields make; an empty field takes all."""
    given = {name: value for name, value in zip(Filters._fields, values, strict=True) if value is not None}
    whole = {name: int(given[name]) for name in ("rating", "shortest", "longest") if name in given}
    return Filters(**given | whole)


def explorer_panel() -> Explorer:
    """Filters, paging, the video, the card, the form of a label, the export."""
    gr.HTML('<h2 class="vj-title">Failure explorer</h2><p class="vj-sub">From a number to the videos behind it. Say what a '
            "response deserves, blind or not; the queue becomes training data.</p>")  # fmt: skip
    with gr.Column(elem_classes="vj-filters"):
        with gr.Row():
            judge = gr.Dropdown([("All", "")], value="", label="Judge", min_width=150, elem_id="vj-case-judge")
            direction = gr.Dropdown(list(DIRECTIONS), value="any", label="What is wrong", min_width=150,
                                    elem_id="vj-case-direction")  # fmt: skip
            size = gr.Number(0, label="Off by at least", minimum=0, min_width=120, elem_id="vj-case-size")
            rating = gr.Dropdown([("All", 0), *((str(one), one) for one in range(1, 6))], value=0, label="Gold rating",
                                 min_width=120)  # fmt: skip
        with gr.Row():
            kind = gr.Dropdown([("All", "")], value="", label="Kind", min_width=150)
            shortest = gr.Number(0, label="Words, at least", minimum=0, precision=0, min_width=120)
            longest = gr.Number(0, label="Words, at most", minimum=0, precision=0, min_width=120, placeholder="any")
            spread = gr.Number(0, label="Judges apart by", minimum=0, min_width=120, elem_id="vj-case-spread")
    with gr.Row(elem_classes="vj-paging"):
        before = gr.Button("Previous", size="sm", elem_classes="vj-quiet")
        count = gr.HTML(NO_RUNS, elem_id="vj-case-count")
        after = gr.Button("Next", size="sm", elem_id="vj-case-next", elem_classes="vj-quiet")
        unlabelled = gr.Button("Next without my label", size="sm", elem_id="vj-case-open", elem_classes="vj-quiet")
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel vj-side"):
            player = gr.Video(label="Video", interactive=False, height=280, buttons=[], visible=False,
                              elem_id="vj-case-player")  # fmt: skip
            clip_note, frames = gr.HTML(), gr.HTML(elem_id="vj-case-frames")
            blind = gr.Checkbox(True, label="Blind", info=BLIND_HELP, elem_id="vj-case-blind")
            who = gr.Textbox(
                label="Your name", max_lines=1, placeholder="labels are kept as human:NAME", elem_id="vj-case-who"
            )
            score = gr.Radio([5, 4, 3, 2, 1], label="It deserves", info="5 is accurate, complete and seen in the video.",
                             visible=False, elem_id="vj-case-score")  # fmt: skip
            choice = gr.Radio(["A", "B", "tie"], label="Which is better?", visible=False,
                              elem_id="vj-case-choice")  # fmt: skip
            ranking = gr.Dropdown([], multiselect=True, label="Best first", visible=False, elem_id="vj-case-ranking",
                                  info="Choose all responses, the best one first.")  # fmt: skip
            reason = gr.Textbox(label="Why", lines=2, max_lines=6, placeholder="Optional", visible=False)
            save = gr.Button("Save my label", visible=False, elem_id="vj-case-save", elem_classes="vj-quiet", size="sm")
            said = gr.HTML(elem_id="vj-case-note")
        with gr.Column(scale=6, min_width=300):
            card = gr.HTML(elem_id="vj-case-card")
    with gr.Row(elem_classes="vj-paging"):
        export = gr.Button("Export this queue", size="sm", elem_classes="vj-quiet", elem_id="vj-case-export")
        archive = gr.DownloadButton("Download", size="sm", visible=False, elem_classes="vj-quiet")
    exported = gr.HTML(js_on_load=COPY_SCRIPT, elem_id="vj-case-exported")
    return Explorer(judge, direction, size, rating, kind, shortest, longest, spread, before, after, unlabelled, count, player,
                    clip_note, frames, card, blind, who, score, choice, ranking, reason, save, said, export, archive, exported,
                    gr.State(None), gr.State(""))  # fmt: skip


def wire_explorer(panel: Explorer, chosen: gr.Dropdown, gold: gr.Dropdown, runs: Path, events: list) -> None:
    """Wire it to the choice of runs and gold; after `events` it starts anew."""
    asked = [chosen, gold, panel.current, panel.blind, panel.who, *panel.filters]

    def show(step: int, names, whose, current, blind, who, *values, skip_labelled: bool = False) -> dict:
        if not names:
            return {**emptied(panel), panel.count: NO_RUNS}
        try:
            folders = folders_of(runs, names)
            found = queue(load_cases(folders, whose or ""), read_filters(*values), blind, who)
            mine = labelled_by(runs / own_name(LABELS), who)
            place = neighbour(found, current, step, mine if skip_labelled else ())
            if place is None:
                return {**emptied(panel), panel.count: NO_CASE}
            texts = read_case(with_labels(runs, folders), place.case.item)
        except WorkbenchError as error:
            return {**emptied(panel), panel.count: error_note(error)}
        hidden = blind and place.case.item not in mine
        return opened(panel, place, texts, hidden, blind, who, whose or "", len(mine), runs)

    for button, step in ((panel.before, -1), (panel.after, 1)):
        button.click(partial(show, step), asked, panel.shown, **QUIET)
    panel.unlabelled.click(partial(show, 1, skip_labelled=True), asked, panel.shown, **QUIET)

    def changed(event: gr.EventData, names, whose, current, blind, who, *values) -> dict:
        """Who lifts the blind begins with the worst case; who has labelled the open one stays with it."""
        lifted = event.target is panel.blind and not blind
        stays = not lifted or current in labelled_by(runs / own_name(LABELS), who or "")
        return show(0, names, whose, current if stays else None, blind, who, *values)

    gr.on([field.input for field in [*panel.filters, panel.blind]], changed, asked, panel.shown,
          trigger_mode="always_last", **QUIET)  # fmt: skip
    without_note = [part for part in panel.shown if part is not panel.note]

    def named(seen_by, *values) -> dict:
        """The same case for another name; one that only lost the cursor keeps all that stands in the form."""
        if (values[4] or "").strip() == seen_by:
            return {panel.seen_by: seen_by}
        found = show(0, *values)
        kept = (panel.score, panel.reason) if found[panel.current] == values[2] else ()
        return {part: update for part, update in found.items() if part not in (panel.note, *kept)}

    gr.on([panel.who.submit, panel.who.blur], named, [panel.seen_by, *asked], without_note, **QUIET)
    for event in events:
        filled = event.then(partial(_fill, panel, runs), [chosen, gold], [panel.judge, panel.kind], **QUIET)
        filled.then(partial(show, 0), asked, panel.shown, **QUIET)
    form = [panel.score, panel.choice, panel.ranking, panel.reason]

    def save(score, choice, ranking, reason, names, whose, current, blind, who, *values) -> dict:
        try:
            _keep(runs, names, current, blind, who, score=score, choice=choice, ranking=ranking, reason=reason or "")
        except WorkbenchError as error:
            return {panel.note: error_note(error)}
        kept = note("Kept. The verdicts are shown now; your last label of an item counts.")
        return {**show(0, names, whose, current, blind, who, *values), panel.note: kept}

    panel.save.click(save, [*form, *asked], panel.shown, show_progress="minimal", api_visibility="private")
    _wire_export(panel, chosen, gold, runs)


def _fill(panel: Explorer, runs: Path, names, whose) -> dict:
    """The judges and kinds of case that the filters offer for these runs."""
    try:
        cases = load_cases(folders_of(runs, names or []), whose or "") if names else []
    except WorkbenchError:  # said where the cases would be
        cases = []
    return {panel.judge: gr.update(choices=[("All", ""), *judges_of(cases)], value=""),
            panel.kind: gr.update(choices=[("All", ""), *kinds(cases)], value="")}  # fmt: skip


def _keep(runs: Path, names: Sequence[str] | None, current: str | None, blind: bool, who: str, **label: Any) -> None:
    """Keep a person's verdict on the case that is open."""
    item = read_case(with_labels(runs, folders_of(runs, names or [])), current or "").item
    hidden = blind and item.id not in labelled_by(runs / own_name(LABELS), who)
    keep_label(runs / own_name(LABELS), item, make_label(item, who, blind=hidden, **label))


def _wire_export(panel: Explorer, chosen: gr.Dropdown, gold: gr.Dropdown, runs: Path) -> None:
    """Write the queue of cases as training data."""

    def export(names, whose, blind, who, *values):
        try:
            folders, filters = folders_of(runs, names or []), read_filters(*values)
            found = queue(load_cases(folders, whose or ""), filters, False, who) if names else []
            queued = export_now(runs, folders, whose or "human", found, filters)
        except WorkbenchError as error:
            return error_note(error), gr.update(visible=False)
        said = f"{queued.exported} Written to {queued.exported.folder.name}."
        told = f'<p class="vj-sub">{escape(said)}</p>'
        return told + verbatim_command("The command that does the same", queued.command), gr.update(
            value=str(queued.archive), visible=True
        )

    panel.export.click(export, [chosen, gold, panel.blind, panel.who, *panel.filters], [panel.exported, panel.archive],
                       show_progress="minimal", api_visibility="private")  # fmt: skip


def emptied(panel: Explorer) -> dict:
    """Nothing shown."""
    hidden = {
        part: gr.update(visible=False)
        for part in (panel.player, panel.score, panel.choice, panel.ranking, panel.reason, panel.save)
    }
    return {
        **hidden,
        panel.clip_note: "",
        panel.frames: "",
        panel.card: "",
        panel.note: "",
        panel.current: None,
        panel.seen_by: "",
    }


def opened(
    panel: Explorer,
    place: Place,
    texts: CaseTexts,
    hidden: bool,
    blind: bool,
    who: str,
    gold: str,
    labelled: int,
    runs: Path,
) -> dict:
    """One case: hidden behind the reader's own label, or with everything said of it."""
    item, pair, many = texts.item, len(texts.item.responses) == 2, len(texts.item.responses) > 2
    playable, told = video_of(item, runs)
    mine = f" · {labelled} labelled by you" if labelled else ""
    queued = "in an order that tells nothing" if blind else "the worst first"
    order = shown_order(item, who) if hidden else tuple(range(len(item.responses)))
    names = PLACES if hidden else ("A", "B")
    choices = [(name, letter_of(place)) for name, place in zip(names, order, strict=False)]
    return {
        panel.count: f'<p class="vj-sub">Case {place.place + 1} of {place.count}, {queued}{mine}</p>',
        panel.player: gr.update(value=playable, visible=playable is not None, playback_position=0),
        panel.clip_note: told,
        panel.frames: strip_of(texts, hidden) if playable else "",
        panel.card: blind_card(item, order) if hidden else open_card(place.case, texts, gold),
        panel.score: gr.update(visible=len(item.responses) == 1, value=None),
        panel.choice: gr.update(choices=[*choices, ("A tie", "tie")], visible=pair, value=None),
        panel.ranking: gr.update(choices=_places(order), visible=many, value=[]),
        panel.reason: gr.update(visible=True, value=""),
        panel.save: gr.update(visible=True),
        panel.note: "",
        panel.current: item.id,
        panel.seen_by: (who or "").strip(),
    }


def _places(order: Sequence[int]) -> list[tuple[str, int]]:
    """The responses by the letters under which they are shown, each with its place in the item."""
    return [(letter_of(shown), place) for shown, place in enumerate(order)]


def video_of(item: Item, runs: Path) -> tuple[str | None, str]:
    """A copy of the item's video that the page may play, and a sentence about it. A record may name any file: where
    several people use the page, only who may have that file is shown it, or its frames."""
    if item.video is None or not item.video.path:
        return None, '<p class="vj-sub">This item comes without a video file.</p>'
    if not may_see_video(item.video.path, runs):
        return None, '<p class="vj-sub">This item names a video that is none of your uploads, so it is not shown.</p>'
    try:
        upload = copy_to_show(item.video.path, item.video.sha256)
    except VideoError as error:
        return None, note(f"The video cannot be shown. {escape(without_folders(error))}", "warn")
    return upload.playable, f'<p class="vj-sub">{escape(upload.sentence)}</p>'


def strip_of(texts: CaseTexts, hidden: bool) -> str:
    """The frames that the first judge with a video saw; for a blind reader as many as any judge starts from."""
    settings = [one.settings.get("video") for one in texts.judgments if one.settings.get("video")]
    policy = VideoPolicy.from_dict(settings[0]) if settings and not hidden else VideoPolicy(frames=DEFAULT_FRAMES)
    assert texts.item.video is not None and texts.item.video.path is not None
    try:
        strip = frame_strip(sample_frames(texts.item.video.path, policy, limits=UPLOAD_LIMITS))
    except VideoError:  # said under the player
        return ""
    return strip if settings and not hidden else strip.replace("What the judge saw", "Frames")
