"""Whether a user's rubric says what the levels of the scale mean; one that does not leaves the judge to guess."""

import re

from workbench.prompts.render import Prompt
from workbench.wording import ascii_forms


def level_note(prompt: Prompt, rubric: str | None) -> str:
    """What to tell the user of a rubric that names no level of the scale, by number, word or label; "" for any other."""
    form = prompt.form
    if not rubric or form.kind != "pointwise":
        return ""
    said = ascii_forms(rubric).casefold()
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    names = [str(level) for level in range(form.low, form.high + 1)]
    names += [words[level] for level in range(max(0, form.low), min(form.high, 10) + 1)]
    names += [label.casefold() for label in form.labels.values()]
    if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) for name in names):
        return ""
    return (
        f"the rubric names none of the levels {form.low} to {form.high}, so the judge has only the ends of the scale to go "
        "by; say what each level takes."
    )
