"""A job before its turn: waits in line for the accelerator, then becomes the command, in the same process.

python -m workbench.waiting RUN ASKED TICKET DESCRIPTOR WORD...        as jobs.start does; WORDs are those after "python"
"""

import os
import sys
import time
from pathlib import Path

from workbench.job_record import change_record
from workbench.schema import utc_now
from workbench.turns import LOOK_SECONDS, Ticket, Turn


def main(argv: list[str]) -> int:
    """Never returns, unless it is stopped while it waits."""
    folder, asked, path, descriptor, *words = argv
    try:
        with Ticket(Turn("job", folder, os.getpid(), float(asked)), Path(path), int(descriptor)) as ticket:
            while (place := ticket.take()) is None:
                time.sleep(LOOK_SECONDS)
            change_record(Path(folder), waiting=False, began_work=utc_now())
            place.keep_over_exec()
    except KeyboardInterrupt:
        print("taken out of the queue", flush=True)
        return 130
    os.execv(sys.executable, [sys.executable, *words])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
