"""What the Bootstrap tab says where there is nothing to show yet. HTML; all of it is ours."""

WHAT_IT_IS = """<div><h2 class="vj-step">Rated responses from gold ones</h2>
<p class="vj-sub">A generator writes worse responses to each instruction, for the ratings 4 to 1. An evaluator that does not
know the target rates them, and those that miss it are written again. What is accepted becomes training data for judges.</p>
</div>"""

NO_RUN = """<section class="vj-empty vj-start" aria-label="No run yet"><h2>No run yet</h2>
<p class="vj-sub">Name seeds in the form and start. Without data or a model, <b>Draw a small world</b> makes clips whose
truth is known, and the participants named <b>world</b> know it: a first run takes a minute. You get:</p>
<ul><li><span aria-hidden="true">4→1</span><div><b>A funnel</b><p class="vj-sub">What was accepted in each round.</p></div></li>
<li><span aria-hidden="true">▦</span><div><b>Target against given</b>
<p class="vj-sub">Where the evaluator and the generator disagree.</p></div></li>
<li><span aria-hidden="true">1–5</span><div><b>Examples to look through</b>
<p class="vj-sub">Each video with its five responses, and all that was rejected on the way.</p></div></li></ul></section>"""

NO_EXAMPLE = '<p class="vj-note" role="status">No example passes these filters. Widen one of them.</p>'

OUTCOME_WORDS = {"any": "All", "accepted": "Accepted", "rejected": "Rejected", "marked": "Marked by people"}
