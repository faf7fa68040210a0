"""The procedural video world: scenes that know their facts, drawn to real clips, asked about, answered well and badly.

Flow: settings -> scene -> drawing -> clip, and scene -> facts -> questions -> flaws -> targets -> folder.
"""
