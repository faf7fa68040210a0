"""The `demo` verb: a bundled example judged with the judge that ships, by the same commands that a user would type."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from workbench.errors import InputError
from workbench.page.examples import EXAMPLES_FOLDER, Example, load_examples
from workbench.store import new_run_folder


def demo(out: str | None, run_verb: Callable[[Sequence[str]], int]) -> int:
    """Rate every response of the first example with a rubric, then compare the first response with the last.

    `run_verb` runs a command line. Returns 0 when both went through, whether or not the judge found a verdict.
    """
    examples = [example for example in load_examples() if len(example.responses) > 1]
    if not examples:
        raise InputError(f"{EXAMPLES_FOLDER} holds no example with several responses; restore it from the repository.")
    example = examples[0]
    folder = Path(out) if out else new_run_folder("runs", "demo")
    print(f"{example.title}\n")
    if example.ratings:
        print(f"ratings the responses are known to deserve, in order: {', '.join(f'{r:g}' for r in example.ratings)}\n")
    first, last = example.responses[0], example.responses[-1]
    codes = [
        _judge(example, example.responses, "rubric", folder / "rubric", run_verb),
        _judge(example, (first, last), "pairwise", folder / "pairwise", run_verb),
    ]
    print(f"both runs are in {folder}; look again: python -m workbench show {folder / 'rubric'}")
    return max(code if code > 1 else 0 for code in codes)


def _judge(
    example: Example, responses: Sequence[str], mode: str, folder: Path, run_verb: Callable[[Sequence[str]], int]
) -> int:
    words = ["judge", example.video, f"--instruction={example.instruction}"]
    words += [f"--response={response}" for response in responses] + [f"--mode={mode}", f"--out={folder}"]
    print(f"$ python -m workbench {shlex.join(words)}\n", flush=True)
    code = run_verb(words)
    print(flush=True)
    return code
