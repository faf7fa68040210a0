"""What the page says of the fast mode: how far a judge's verdicts without reasons agree with those it gives reasons for."""

from workbench.page.known_judge import known_judge

UNKNOWN = "How far it then agrees with its reasoned ratings is not known for this judge."


def fast_mode_help(spec: str) -> str:
    """What the choice does, and the agreement that was measured for this judge, or that none was."""
    return f"No reasons are written, so it takes a fraction of the time. {known_judge(spec).score_only or UNKNOWN}"
