"""What the Compare and Meta-eval tabs say where there is nothing to show yet. HTML; all of it is ours."""

WHAT_IT_IS = """<div><h2 class="vj-step">How far can a judge be trusted?</h2>
<p class="vj-sub">Verdicts of judges beside gold labels: errors, preferences, confidence, each with an interval that draws whole
videos, and the cases behind every number.</p></div>"""

NO_RUNS = """<section class="vj-empty vj-start" aria-label="Nothing measured yet"><h2>Nothing measured yet</h2>
<p class="vj-sub">How far can a judge be trusted on your own labelled table?</p>
<ol class="vj-steps"><li><b>Judge it.</b> {judge_it}</li>
<li><b>Bring in its labels.</b> The same table again, under “Your own labels”, beside that run.</li>
<li><b>Measure.</b> Both runs are chosen then, and people are the gold.</li></ol>
<p class="vj-sub">Or on the command line:</p>
<pre class="vj-raw">python -m analysis import labels --data mine.csv --out runs/mine
python -m workbench judge --items runs/mine --judge embedded --out runs/mine</pre>
<p class="vj-sub">You get:</p>
<ul><li><span aria-hidden="true">±</span><div><b>Figures with intervals</b><p class="vj-sub">Errors, agreement, bias, and where
they come from.</p></div></li>
<li><span aria-hidden="true">vs</span><div><b>Paired tests</b><p class="vj-sub">Which differences between judges other videos
would show too.</p></div></li>
<li><span aria-hidden="true">▶</span><div><b>The cases behind them</b><p class="vj-sub">Each with its video; label them blind, and
train on them.</p></div></li></ul></section>"""

JUDGE_TABLE = "Upload the table in the Runs tab and choose a judge."
JUDGE_EACH = (
    "Here, one answer at a time, in the Judge tab: each verdict is a run. Whole tables are judged where there are jobs."
)


def no_runs(has_jobs: bool) -> str:
    """What stands where the figures will be; without jobs no table can be judged."""
    return NO_RUNS.replace("{judge_it}", JUDGE_TABLE if has_jobs else JUDGE_EACH)


OWN_LABELS = """<p class="vj-sub">What people say of the answers, from a table: a row each, with the columns of the table that was
judged and one for the label.</p>
<div class="vj-table" tabindex="0" role="region" aria-label="A table of labels"><table><thead><tr>
<th scope="col">video</th><th scope="col">instruction</th><th scope="col">response</th>
<th scope="col">score</th><th scope="col">annotator</th></tr></thead><tbody><tr><td>cat.mp4</td><td>What happens?</td><td>A cat
jumps.</td><td>4</td><td>anna</td></tr></tbody></table></div>
<p class="vj-sub"><b>score</b> rates one response. Two responses take a <b>choice</b> (A, B or tie), more a <b>ranking</b>
(B &gt; A &gt; C). <b>annotator</b> is who says so; it may be left out. Rows that cannot be used are listed.</p>"""

WHAT_COMPARE_IS = """<div><h2 class="vj-step">Several judges, one video</h2>
<p class="vj-sub">Models, adapters and metrics side by side; or two of them without names, and you say which verdict is the
better one.</p></div>"""

NO_COMPARISON = """<section class="vj-empty vj-start" aria-label="Nothing compared yet"><h2>The verdicts will stand side by side
here</h2><p class="vj-sub">Give a video, what was asked about it, the answers to judge, and two judges or more. You get:</p>
<ul><li><span aria-hidden="true">1–5</span><div><b>Every judge's verdict</b><p class="vj-sub">With its reasons, and how far the
judges are apart on each answer.</p></div></li>
<li><span aria-hidden="true">A|B</span><div><b>Or a blind vote</b><p class="vj-sub">Two judges without names, in an order drawn for
each vote. You vote, then you see who they were, and who leads by Elo.</p></div></li></ul></section>"""
