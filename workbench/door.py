"""How a command ends: a failure told in one line on stderr, and the exit status that shells know."""

import os
import sys
from collections.abc import Callable

from workbench.errors import WorkbenchError
from workbench.redaction import guard_output


def answer(work: Callable[[], int], stopped: str) -> int:
    """What `work` gives; 2 for what its user can mend, 130 with the words `stopped` after Ctrl-C, 0 where nobody reads on.

    A job's own process writes its end down in the run folder.
    """
    guard_output()
    returncode = _answer(work, stopped)
    if "WORKBENCH_JOB" in os.environ:
        from workbench.job_record import note_own_end  # needs POSIX

        note_own_end(returncode)
    return returncode


def _answer(work: Callable[[], int], stopped: str) -> int:
    try:
        return work()
    except WorkbenchError as error:
        from workbench.terminal import plain

        print(f"error: {' '.join(plain(str(error)).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has gone: `show RUN | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # no permission, no space: the machine's fault, and named by the machine
        print(f"error: {error.filename or 'the disk'}: {error.strerror}. Correct that and try again.", file=sys.stderr)
        return 2
