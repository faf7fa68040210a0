"""How far a run is, in words: counts, rate and time left, of what its status.json says."""

from workbench.job_kinds import OTHER, JobKind, kind_of_command
from workbench.jobs import Job
from workbench.json_files import read_json


def kind_of_job(job: Job) -> JobKind:
    """The kind of a job by its command: job.json's, or that of a run started in a terminal."""
    return kind_of_command(job.command or str(read_json(job.folder / "run.json").get("command") or ""))


def counts(job: Job, unit: str = "") -> str:
    """ "40 of 100 verdicts"; "" where nothing is counted yet."""
    done, total = job.status.get("done"), job.status.get("total")
    if not total or not isinstance(done, (int, float)):
        return ""
    return f"{done:,} of {total:,}{f' {unit}' if unit else ''}"


def rate(job: Job, unit: str = "") -> str:
    """The pace that the time left was reckoned with: "2.5 verdicts a second", "12 a minute"; "" where none is known."""
    left, seconds = _left(job), job.status.get("eta_seconds")
    if job.state != "running" or not seconds or not left:
        return ""
    each = left / seconds
    for times, words in ((1, "second"), (60, "minute"), (3600, "hour")):
        if each * times >= 1 or words == "hour":
            return f"{each * times:,.3g}{f' {unit}' if unit else ''} {'an' if words == 'hour' else 'a'} {words}"
    return ""


def _left(job: Job) -> int:
    done, total = job.status.get("done"), job.status.get("total")
    return max(0, total - done) if isinstance(done, int) and isinstance(total, int) else 0


def time_left(job: Job) -> str:
    """ "about 5 min left" of a run that says so, what a training told to stop does instead, else ""."""
    if job.stopping and kind_of_job(job).saves:
        return "saving its checkpoint; Stop again ends it at once, without"
    seconds = job.status.get("eta_seconds")
    if job.state != "running" or not seconds:
        return ""
    if seconds > 5400:
        return f"about {seconds / 3600:.1f} h left"
    return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"


def how_far(job: Job, unit: str = "") -> str:
    """Counts, rate and time left, as far as they are known."""
    return ", ".join(filter(None, (counts(job, unit), rate(job), time_left(job))))


def what_resume_does(job: Job) -> str:
    """What going on with a run would mean, as a button says it; "" where there is nothing to go on with."""
    kind = kind_of_job(job)
    if job.alive or kind == OTHER:
        return ""
    if job.state in ("stopped", "failed"):
        return "Resume"
    by_status = read_json(job.folder / "summary.json").get("by_status")
    failed = sum(by_status.get(status, 0) for status in ("failed", "skipped")) if isinstance(by_status, dict) else 0
    return f"Ask the {failed:,} that failed again" if failed and kind.name == "judging" else ""
