"""What kind of file it is by its first bytes, whatever its name says: a look before anything opens it."""

from pathlib import Path

from workbench.errors import VideoError

READABLE = "mp4, mov, mkv, webm, avi or gif, or a png, jpg or webp picture"
ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"styp")
BEGINNINGS = (b"\x1aE\xdf\xa3", b"GIF87a", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def check_kind(path: Path) -> None:
    """Raises VideoError for a file that does not begin as one of the containers or pictures that are read here."""
    with path.open("rb") as file:
        start = file.read(16)
    riff = start[:4] == b"RIFF" and start[8:12] in (b"AVI ", b"WEBP")
    if not (riff or start.startswith(BEGINNINGS) or start[4:8] in ATOMS):
        what = "an empty file" if not start else "another kind of file"
        raise VideoError(f"{path.name:.80}: got {what}, expected {READABLE}. Choose a video, or export it again.")
