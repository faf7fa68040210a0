"""What the Compare and Meta-eval tabs say where there is nothing to show yet. HTML; all of it is ours."""

WHAT_IT_IS = """<div><h2 class="vj-step">How far can a judge be trusted?</h2>
<p class="vj-sub">Verdicts of judges beside gold labels: errors, preferences, confidence, each with an interval that draws whole
videos, and the cases behind every number.</p></div>"""

NO_RUNS = """<section class="vj-empty vj-start" aria-label="Nothing measured yet"><h2>Nothing measured yet</h2>
<p class="vj-sub">Choose runs that hold judges and gold labels, then measure. Runs come from judging a labelled set:</p>
<pre class="vj-raw">python -m analysis import labels --data mine.csv --out runs/mine
python -m workbench judge --items runs/mine --judge embedded --out runs/mine</pre>
<p class="vj-sub">You get:</p>
<ul><li><span aria-hidden="true">±</span><div><b>Figures with intervals</b><p class="vj-sub">Errors, agreement, bias, and where
they come from.</p></div></li>
<li><span aria-hidden="true">vs</span><div><b>Paired tests</b><p class="vj-sub">Which differences between judges other videos
would show too.</p></div></li>
<li><span aria-hidden="true">▶</span><div><b>The cases behind them</b><p class="vj-sub">Each with its video; label them blind, and
train on them.</p></div></li></ul></section>"""

WHAT_COMPARE_IS = """<div><h2 class="vj-step">Several judges, one video</h2>
<p class="vj-sub">Models, adapters and metrics side by side; or two of them without names, and you say which verdict is the
better one.</p></div>"""

NO_COMPARISON = """<section class="vj-empty vj-start" aria-label="Nothing compared yet"><h2>The verdicts will stand side by side
here</h2><p class="vj-sub">Give a video, what was asked about it, the answers to judge, and two judges or more. You get:</p>
<ul><li><span aria-hidden="true">1–5</span><div><b>Every judge's verdict</b><p class="vj-sub">With its reasons, and how far the
judges are apart on each answer.</p></div></li>
<li><span aria-hidden="true">A|B</span><div><b>Or a blind vote</b><p class="vj-sub">Two judges without names, in an order drawn for
each vote. You vote, then you see who they were, and who leads by Elo.</p></div></li></ul></section>"""
