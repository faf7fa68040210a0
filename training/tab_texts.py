"""What the Train tab says where there is nothing to show yet. HTML; all of it is ours."""

WHAT_IT_IS = """<div><h2 class="vj-step">Train a judge</h2>
<p class="vj-sub">From rated responses: the small judge that ships, made from nothing on a processor; or a published
model, fine-tuned by the paper's recipe or through an adapter on one GPU.</p></div>"""

NO_RUN = """<section class="vj-empty vj-start" aria-label="No training yet"><h2>No training yet</h2>
<p class="vj-sub">Start one with the form. Without any data the preset <b>embedded</b> makes its own, clips of drawn shapes with
known truth. A first try takes a few minutes:</p>
<pre class="vj-raw">reading=25 dense=25 looking=25 judge=25</pre>
<p class="vj-sub">as steps, then start. For a fine-tuning, export a dataset from the Bootstrap tab and give its folder. You get:</p>
<ul><li><span aria-hidden="true">loss</span><div><b>Curves while it learns</b>
<p class="vj-sub">Training and validation, from the first logged step. The run goes on when you close the page.</p></div></li>
<li><span aria-hidden="true">step</span><div><b>Checkpoints</b>
<p class="vj-sub">Each with its losses; try any of them in the Judge tab.</p></div></li>
<li><span aria-hidden="true">Hub</span><div><b>A model card and a push</b>
<p class="vj-sub">Private unless you say otherwise; you see every file before it goes.</p></div></li></ul></section>"""

PUSH = """<p class="vj-sub">To the Hugging Face Hub, with a card written from this run. The token is the one of HF_TOKEN or
of the Hub login where this page was started; it is never shown. Look first, then push.</p>"""
