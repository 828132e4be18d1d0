"""JPEG: only the blocks that changed are encoded anew, in the original's quantisation. All other coefficients
and every marker segment but those of the entropy coding stay as they are."""

import re
from pathlib import Path

import imagecodecs
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from archive_restore.errors import PhotographError, UnreadablePhotographError, UnsupportedPhotographError
from archive_restore.photos import mpf
from archive_restore.photos.jpeg_blocks import Blocks, read_blocks, touched, transplant
from archive_restore.photos.jpeg_scans import has_typical_tables, write_scans
from archive_restore.photos.jpeg_segments import (
    APP0,
    ARITHMETIC,
    DHT,
    DRI,
    EOI,
    HUFFMAN_FRAMES,
    SOS,
    ColourTransform,
    Frame,
    colour_transform,
    coloured,
    has_adobe_marker,
    has_lost_sectors,
    iterate_segments,
    lacks_scans,
    quantisation_tables,
    read_frame,
)
from archive_restore.photos.photograph import Colours, Format, Header, Page, Photograph, Samples

_MAX_BLOCKS_A_MCU = 10  # in an interleaved scan, T.81 B.2.3
_MAX_COEFFICIENT = 2047  # of 8-bit samples, T.81 F.1.2; beyond it lies only damage
_ENTROPY_CODING = frozenset({DHT, DRI, SOS})  # written anew
_COLOURS = {1: Colours.GREY, 3: Colours.RGB, 4: Colours.CMYK}
_CHANNELS = {1: "GRAY", 3: "RGB", 4: "CMYK"}  # simplejpeg's names
# Warnings of libjpeg, jerror.h, that need not mean damage.
_ENDS_EARLY = "Corrupt JPEG data: premature end of data segment"
_SURPLUS = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_MAX_SURPLUS = 2  # bytes of any kind behind the picture
_MAX_PADDING = 16  # zero bytes there
_FILLER = b"\x55" * 64  # that a decoder takes for data, where it wants more
_UNKNOWN_SAMPLING = "Could not determine subsampling"  # TurboJPEG's
_BITS_A_BLOCK = 1  # at least: the code of its DC difference
_APP2, _PROFILE = APP0 + 2, b"ICC_PROFILE\0"  # ICC.1:2022, annex B.4


def header(path: Path, data: bytes) -> Header:
    """Reads the frame header; refuses 12-bit, lossless and arithmetic coding by name."""
    frame = read_frame(path, data)
    reason = refusal(frame)
    if reason is not None:
        raise UnsupportedPhotographError(
            path,
            f"{reason}; of JPEGs only 8-bit Huffman-coded ones are restored: save it as TIFF or PNG first",
        )
    if not frame.width or not frame.height:
        raise UnreadablePhotographError(path, f"a JPEG that says it is {frame.width}x{frame.height} px")
    colours = _COLOURS[len(frame.components)]
    return Header(Format.JPEG, (Page(frame.width, frame.height, colours, blocks=True),))


def decode(path: Path, data: bytes, header: Header) -> tuple[Samples, ...]:
    """The samples of a whole JPEG; one that is cut off or damaged within raises UnreadablePhotographError."""
    markers = [segment.marker for segment in iterate_segments(data)]
    if not markers or markers[-1] != EOI:
        raise UnreadablePhotographError(path, "the JPEG ends before its end marker: truncated")
    if SOS not in markers:
        raise UnreadablePhotographError(path, "a JPEG without picture data: truncated or damaged")
    (page,) = header.pages
    samples = decode_samples(path, data).reshape(page.shape)
    return (np.invert(samples) if _inverted(data, page) else samples,)


def decode_samples(path: Path, data: bytes, transform: ColourTransform | None = None) -> NDArray[np.uint8]:
    """What libjpeg makes of a JPEG: (H, W), RGB (H, W, 3), or CMYK (H, W, 4) as stored.

    `transform` says how the components are meant where the file does not (in a TIFF).

    libjpeg fills what it cannot decode with grey and only warns. Its warnings count as damage here.

    Raises
    ------
    UnreadablePhotographError
        It is damaged, or so short for its size that decoding it would only fill memory.
    """
    frame = read_frame(path, data)
    blocks = -(-frame.width // 8) * -(-frame.height // 8) // (frame.sampling[0] * frame.sampling[1])
    if blocks * _BITS_A_BLOCK > 8 * len(data):
        raise UnreadablePhotographError(
            path, f"a JPEG that says it is {frame.width}x{frame.height} px in {len(data)} bytes: damaged"
        )
    if lacks_scans(data, frame):
        raise UnreadablePhotographError(
            path, "the last scans of the JPEG are missing: truncated; look for a better copy"
        )
    if has_typical_tables(data) and has_lost_sectors(data, frame):
        raise UnreadablePhotographError(
            path, "a part of the JPEG's picture data is lost, and zeros stand for it; look for a better copy"
        )
    stream = coloured(data, frame, transform or colour_transform(data, frame))
    samples = _decoded(path, stream, len(frame.components))
    if samples.shape[:2] != (frame.height, frame.width):
        raise UnreadablePhotographError(path, "a JPEG whose headers contradict each other: damaged")
    return samples[..., 0] if len(frame.components) == 1 else samples


def encode(photograph: Photograph, pages: tuple[Samples, ...], *, whole: bool = False) -> bytes:
    """The source with the changed blocks' coefficients replaced; with `whole`, those of all blocks.

    Same frame (so progressive stays progressive), same quantisation, same subsampling. Restart markers are
    left out, Huffman tables are fitted anew unless they were T.81's typical ones.
    """
    source, (page,) = bytes(photograph.source), photograph.header.pages
    before, after = photograph.pages[0], pages[0]
    if _inverted(source, page):
        before, after = np.invert(before), np.invert(after)
    changed = np.ones(page.shape[:2], np.bool_) if whole else differing(before, after)
    frame = read_frame(photograph.path, source)
    transform = colour_transform(source, frame)
    return replace_blocks(photograph.path, source, after, changed, transform)


def replace_blocks(
    path: Path,
    data: bytes,
    after: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    transform: ColourTransform,
) -> bytes:
    """A JPEG with the blocks that hold a changed pixel encoded anew.

    Parameters
    ----------
    path : for messages
    data : a whole JPEG with its tables
    after : (H, W[, 3 or 4]) uint8, the new samples as `decode_samples` gives them
    changed : (H, W) bool, where they are new
    transform : between these samples and the components

    Raises
    ------
    PhotographError
        Its coefficients or tables are out of range.
    """
    frame = read_frame(path, data)
    tables = quantisation_tables(data)
    vertical, horizontal = frame.sampling
    blocks: list[Blocks] = []
    for index, stored in enumerate(read_blocks(path, data, len(frame.components))):
        component = frame.components[index]
        table = tables.get(component.table)
        largest = max(int(stored.max()), -int(stored.min()))
        if table is None or not table.all() or largest > _MAX_COEFFICIENT:
            raise PhotographError(path, "a damaged JPEG: its coefficients or tables are out of range")
        steps = (vertical // component.vertical, horizontal // component.horizontal)
        blocks.append(
            transplant(
                stored,
                table,
                steps=steps,
                component=index,
                transform=transform,
                after=after,
                changed=changed,
            )
        )
    return _spliced(data, write_scans(frame, blocks, typical=has_typical_tables(data)))


def coefficients_outside(original: Photograph, restored: Photograph, mask: NDArray[np.bool_]) -> int:
    """How many coefficients of a restored JPEG differ from the original's outside the blocks that hold a masked
    pixel; all of them if the frame or its tables are others. `mask` is (H, W) bool."""
    sources = [bytes(one.source) for one in (original, restored)]
    frame = read_frame(original.path, sources[0])
    before, after = (read_blocks(original.path, source, len(frame.components)) for source in sources)
    tables = [quantisation_tables(source) for source in sources]
    same_tables = tables[0].keys() == tables[1].keys() and all(
        np.array_equal(table, tables[1][number]) for number, table in tables[0].items()
    )
    if read_frame(restored.path, sources[1]) != frame or not same_tables:
        return sum(stored.size for stored in before)
    vertical, horizontal = frame.sampling
    count = 0
    for component, old, new in zip(frame.components, before, after, strict=True):
        steps = vertical // component.vertical, horizontal // component.horizontal
        outside = ~touched(mask, (old.shape[0], old.shape[1]), steps)
        count += int((old[outside] != new[outside]).sum())
    return count


def refusal(frame: Frame) -> str | None:
    """What keeps a JPEG from being restored, in words; None when nothing does."""
    if frame.marker not in HUFFMAN_FRAMES:
        return "an arithmetic-coded JPEG" if frame.marker in ARITHMETIC else "a lossless or hierarchical JPEG"
    if frame.precision != 8:
        return f"a {frame.precision}-bit JPEG"
    if len(frame.components) not in _COLOURS:
        return f"a JPEG of {len(frame.components)} channels"
    factors = [(component.vertical, component.horizontal) for component in frame.components]
    if not all(down and across for down, across in factors):
        return "a JPEG without sampling factors"
    vertical, horizontal = frame.sampling
    if any(vertical % down or horizontal % across for down, across in factors):
        return "a JPEG with fractional subsampling"
    if len(factors) > 1 and sum(down * across for down, across in factors) > _MAX_BLOCKS_A_MCU:
        return "a JPEG with more blocks than an interleaved scan may have"
    return None


def profile(path: Path, data: bytes) -> bytes | None:
    """The ICC profile, joined from its parts; None if there is none."""
    parts = [data[s.body : s.end] for s in iterate_segments(data) if s.marker == _APP2]
    numbered = sorted((part[12], part[14:]) for part in parts if part.startswith(_PROFILE) and len(part) > 14)
    return b"".join(part for _, part in numbered) if numbered else None


def differing(first: Samples, second: Samples) -> NDArray[np.bool_]:
    """(H, W) bool: pixels that are not the same."""
    differs = first != second
    if differs.ndim == 2:
        return np.asarray(differs)
    # Channel by channel: numpy takes ten times as long for `any` over an axis of three.
    found: NDArray[np.bool_] = differs[..., 0].copy()
    for channel in range(1, differs.shape[2]):
        found |= differs[..., channel]
    return found


def _inverted(data: bytes, page: Page) -> bool:
    """Whether 255 stands for no ink, as Adobe writes it and everybody after."""
    return page.colours is Colours.CMYK and has_adobe_marker(data)


def _decoded(path: Path, data: bytes, channels: int) -> NDArray[np.uint8]:
    """(H, W, channels) of a JPEG without metadata."""
    colours = _CHANNELS[channels]
    try:
        try:
            return np.asarray(simplejpeg.decode_jpeg(data, colours))
        except ValueError as error:
            if _UNKNOWN_SAMPLING in str(error):
                return _of_any_sampling(path, data, channels)
            mended = _mended(data, str(error))
            if mended is None:
                raise
            return np.asarray(simplejpeg.decode_jpeg(mended, colours))
    except ValueError as error:
        raise UnreadablePhotographError(
            path, f"the picture data of the JPEG is damaged or incomplete ({error}); look for a better copy"
        ) from None


def _of_any_sampling(path: Path, data: bytes, channels: int) -> NDArray[np.uint8]:
    """The same of a JPEG whose sampling TurboJPEG has no name for, though libjpeg decodes it. Its warnings are lost:
    what it makes of more bytes than there are tells whether it wants some."""
    try:
        samples: NDArray[np.uint8] = imagecodecs.jpeg8_decode(data)
        longer: NDArray[np.uint8] = imagecodecs.jpeg8_decode(data[:-2] + _FILLER + data[-2:])
    except Exception as error:  # the decoder's own exception classes differ between versions
        raise UnreadablePhotographError(path, f"damaged JPEG ({error})") from None
    if not np.array_equal(samples, longer):
        raise UnreadablePhotographError(
            path, "the picture data of the JPEG is damaged or incomplete; look for a better copy"
        )
    return samples.reshape(*samples.shape[:2], channels)


def _mended(data: bytes, warning: str) -> bytes | None:
    """The JPEG without what libjpeg warned of, where that is known to be harmless."""
    picture, end = data[:-2], data[-2:]
    if warning == _ENDS_EARLY:  # some scanners leave the last, partly filled byte out
        return picture + b"\0" + end
    surplus = _SURPLUS.fullmatch(warning)
    if surplus is None:
        return None
    count = int(surplus[1])
    harmless = count <= _MAX_SURPLUS or (count <= _MAX_PADDING and not any(picture[-count:]))
    return picture[:-count] + end if harmless else None


def _spliced(source: bytes, scans: bytes) -> bytes:
    """All segments of the source in their order, with its scans and what belongs to them replaced."""
    parts, written, end = [], False, 0
    for segment in iterate_segments(source):
        end = segment.end
        if segment.marker == SOS and not written:
            parts.append(scans)
            written = True
        elif segment.marker not in _ENTROPY_CODING:
            parts.append(source[segment.start : segment.end])
    picture = b"".join(parts)
    # What follows the end marker (a phone's second picture) stays, but moves.
    return mpf.moved(picture, len(picture) - end) + source[end:]
