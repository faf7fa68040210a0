"""What kind of file it is by its first bytes, whatever its name says: a look before anything opens it.

A table is text, which has no beginning of its own: it is known by its ending, and by having no NUL among its first bytes.
"""

from pathlib import Path

from workbench.errors import VideoError
from workbench.rows import ENDINGS

READABLE = "mp4, mov, mkv, webm, avi or gif, a png, jpg or webp picture, or a table in csv, tsv, jsonl, json or parquet"
ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"styp")
LOOKED_AT = 4096  # bytes
BEGINNINGS = (b"\x1aE\xdf\xa3", b"GIF87a", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def check_kind(path: Path) -> None:
    """Raises VideoError for a file that is none of the containers, pictures and tables that are read here."""
    with path.open("rb") as file:
        start = file.read(LOOKED_AT)
    if path.suffix.lower() in ENDINGS and start and _is_table(start, path.suffix.lower()):
        return
    riff = start[:4] == b"RIFF" and start[8:12] in (b"AVI ", b"WEBP")
    if not (riff or start.startswith(BEGINNINGS) or start[4:8] in ATOMS):
        what = "an empty file" if not start else "another kind of file"
        raise VideoError(f"{path.name:.80}: got {what}, expected {READABLE}. Choose a video, or export it again.")


def _is_table(start: bytes, ending: str) -> bool:
    if ending == ".parquet":
        return start.startswith(b"PAR1")
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))  # UTF-16, half of which is NUL
    return wide or b"\0" not in start
