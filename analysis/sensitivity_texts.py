"""What the Sensitivity tab says where there is nothing to show yet. HTML; all of it is ours."""

WHAT_IT_IS = """<div><h2 class="vj-step">How steady is the judge?</h2>
<p class="vj-sub">The same items judged at several temperatures and with several numbers of frames, more than once. You see what
it costs first.</p></div>"""

NO_SWEEP = """<section class="vj-empty vj-start" aria-label="No sweep yet"><h2>No sweep yet</h2>
<p class="vj-sub">Press <b>Look what it would take</b> in the form: the bundled examples and the small judge that ships will do
for a first try of a minute or two. You get:</p>
<ul><li><span aria-hidden="true">s</span><div><b>A preflight</b>
<p class="vj-sub">Visual tokens, memory and time of the whole grid, before it starts.</p></div></li>
<li><span aria-hidden="true">~</span><div><b>Two curves</b>
<p class="vj-sub">Agreement with the labels, spread or invalid replies, by temperature and by frames,
with 95 % bands.</p></div></li>
<li><span aria-hidden="true">▦</span><div><b>A stability map</b>
<p class="vj-sub">Every cell at once; each opens the judgments behind it.</p></div></li>
<li><span aria-hidden="true">✓</span><div><b>Which cell to take</b>
<p class="vj-sub">The cheapest that agrees about as well as the best, and whether any
difference is real.</p></div></li></ul></section>"""
