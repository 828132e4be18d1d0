"""Metadata before and after, as exiftool reads it. It is started twice for all files together: it starts slowly."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from archive_restore.photos import codecs
from tests.formats import BLOCKS, EXACT, PAGES, repainted

pytestmark = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool (libimage-exiftool-perl) is not installed"
)

MAKES = EXACT | BLOCKS | PAGES

# What exiftool says of the coding, the file system, or the place of things in the file.
NOT_METADATA = (
    "ExifTool", "System", "Composite", "StripOffsets", "StripByteCounts", "TileOffsets", "TileByteCounts",
    "VP8Version", "HorizontalScale", "VerticalScale", "SourceFile", "Interlace", "AlphaIsUsed",
    "RIFF:Alpha", "IFD0:PreviewImage",
    "RIFF:ImageWidth", "RIFF:ImageHeight", "File:FileType", "File:MIMEType",
)  # fmt: skip

OF_A_PALETTE = (
    "ColorType", "BitDepth", "Palette", "Transparency", "BackgroundColor", "PhotometricInterpretation",
    "SamplesPerPixel", "BitsPerSample", "ColorMap", "PlanarConfiguration",
)  # fmt: skip

GIVEN = {"-XMP-dc:Title=Boat", "-EXIF:LensModel=Sonnar", "-EXIF:DateTimeOriginal=1931:05:01 12:00:00",
         "-EXIF:Orientation#=6", "-IPTC:City=Riga"}  # fmt: skip
PRESENT = {"Title", "LensModel", "DateTimeOriginal", "Orientation", "ProfileDescription"}
WITH_MAKER_NOTES = ("png", "webp l", "jpeg 4")


@dataclass(frozen=True)
class Read:
    """What exiftool says of all files."""

    before: dict[str, dict[str, str]]
    after: dict[str, dict[str, str]]


def exiftool(*arguments: str, folder: Path) -> bytes:
    return subprocess.run(["exiftool", *arguments, str(folder)], capture_output=True, check=False).stdout


def metadata(folder: Path) -> dict[str, dict[str, str]]:
    listed = json.loads(exiftool("-a", "-G1", "-s", "-u", "-b", "-sep", "|", "-j", folder=folder))
    return {
        Path(one["SourceFile"]).stem: {
            key: value for key, value in one.items() if not any(name in key for name in NOT_METADATA)
        }
        for one in listed
    }


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    before, after = tmp_path_factory.mktemp("before"), tmp_path_factory.mktemp("after")
    for name, make in MAKES.items():
        suffix = {"jpeg": "jpg", "tiff": "tif"}.get(name.split()[0], name.split()[0])
        make(before / f"{name}.{suffix}")
    exiftool("-q", "-m", "-overwrite_original", *GIVEN, folder=before)  # not into a BigTIFF, it says
    for path in before.iterdir():
        photograph = codecs.decode(path)
        pages = zip(photograph.header.pages, photograph.pages, strict=True)
        wanted = tuple(repainted(samples, page.colours.samples) for page, samples in pages)
        (after / path.name).write_bytes(codecs.encode(photograph, wanted))
    return Read(metadata(before), metadata(after))


@pytest.mark.parametrize("name", MAKES)
def test_exiftool_reads_the_same_metadata_before_and_after(name: str, read: Read) -> None:
    before, after = read.before[name], read.after[name]
    if "palette" in name:
        before, after = (
            {key: value for key, value in one.items() if not any(word in key for word in OF_A_PALETTE)}
            for one in (before, after)
        )
    assert after == before
    present = {key.split(":")[1] for key in before}
    if name.startswith(WITH_MAKER_NOTES):
        assert before["Nikon:Quality"].strip() == "Fine"
        assert "Nikon:Lens" in before
    if "BigTIFF" in name:
        assert present >= {"Rating", "Artist", "Orientation", "ProfileDescription"}
    elif "simple" not in name and name not in ("jpeg cmyk", "jpeg ycck"):  # which come without a profile
        assert present >= PRESENT | ({"City"} if not name.startswith("webp") else set())
    else:
        assert present >= PRESENT - {"ProfileDescription"}


def test_exiftool_finds_no_error_in_what_was_written(read: Read) -> None:
    assert {name for name, tags in read.after.items() if any("Error" in key for key in tags)} == set()
    warned = {name for name, tags in read.after.items() if any("Warning" in key for key in tags)}
    assert warned <= {name for name, tags in read.before.items() if any("Warning" in key for key in tags)}
