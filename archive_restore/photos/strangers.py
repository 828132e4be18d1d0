"""Files that are no photographs, or none that is restored, told by their first bytes."""

from pathlib import Path
from typing import NoReturn

from archive_restore.errors import UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos.ifd import is_tiff

_SIGNATURES = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"8BPS", "a Photoshop file (PSD)"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 codestream"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"FUJIFILMCCD-RAW", "a Fujifilm raw file"),
    (b"IIU\0", "a Panasonic raw file"),
    (b"IIRO", "an Olympus raw file"),
    (b"MMOR", "an Olympus raw file"),
    (b"FOVb", "a Sigma raw file"),
    (b"%PDF", "a PDF"),
)
_BRANDS = {
    b"avis": "an animated AVIF",
    b"crx ": "a Canon raw file (CR3)",
    b"hevc": "an animated HEIC",
    b"hevx": "an animated HEIC",
    b"msf1": "an animated HEIF",
}  # ISO base media `ftyp`, major brand
# Raw files that call themselves TIFF; the name tells them apart.
RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".kdc", ".nef", ".nrw", ".pef", ".sr2"}
)


def refuse(path: Path, data: bytes) -> NoReturn:
    """Says what a file is that is none of ours.

    Raises
    ------
    UnsupportedPhotographError
        A picture of a kind that is not restored, named.
    UnreadablePhotographError
        No picture, or none that is known.
    """
    if not data:
        raise UnreadablePhotographError(path, "the file is empty (0 bytes)")
    name = _BRANDS.get(data[8:12], "a video or an unknown HEIF") if data[4:8] == b"ftyp" else None
    name = name or next((name for signature, name in _SIGNATURES if data.startswith(signature)), None)
    if name is None and is_tiff(data):
        name = f"a raw file ({path.suffix[1:].upper()})"
    if name is not None:
        raise UnsupportedPhotographError(
            path,
            f"{name}; JPEG, PNG, TIFF, WebP, HEIC and AVIF are restored. Convert it to one of them first",
        )
    sample = data[:1024]
    if all(byte >= 32 or byte in b"\t\n\r\f" for byte in sample):
        raise UnreadablePhotographError(path, "text, not a picture")
    if not any(sample):
        raise UnreadablePhotographError(path, "only zero bytes, not a picture: a failed copy or recovery")
    raise UnreadablePhotographError(path, "not a picture that this program knows")
