"""Small photographs in every container and mode that is restored, with metadata, and other decoders for them."""

import importlib.util
import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from tests.profiles import GREY, SPACES, profile

Pixels = NDArray[Any]

HEIGHT, WIDTH = 61, 83  # odd, and no multiple of a block, strip or tile
XMP = (
    b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
    b"xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='4'/></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)


def picture(channels: int = 3, depth: int = 8, height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    """Smooth shades with grain; (H, W) or (H, W, channels), uint8 or uint16, of all values that `depth` has."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [110 + 80 * np.sin(x / 9 + k) + 40 * np.cos(y / 7 - k) for k in range(channels)]
    grain = np.random.default_rng(7).normal(0, 4, (height, width, channels))
    shares = np.clip((np.stack(planes, axis=-1) + grain) / 255, 0, 1)
    levels = (1 << depth) - 1
    step = 255 // levels if depth < 8 else 1
    samples = (np.rint(shares * levels) * step).astype(np.uint16 if depth > 8 else np.uint8)
    return samples[..., 0] if channels == 1 else samples


def mask() -> NDArray[np.bool_]:
    """A scratch from top to bottom and a spot; (H, W) bool."""
    marked = np.zeros((HEIGHT, WIDTH), np.bool_)
    marked[:, 40:42] = True
    marked[20:30, 5:17] = True
    return marked


def repainted(pixels: Pixels, colours: int | None = None) -> Pixels:
    """The negative inside the mask, of the first `colours` channels."""
    result = pixels.copy()
    part = result if result.ndim == 2 else result[..., :colours]
    part[mask()] = np.iinfo(pixels.dtype).max - part[mask()]
    return result


def exif(orientation: int = 6) -> bytes:
    tags = Image.Exif()
    tags[0x010E], tags[0x010F], tags[0x0112] = "Grandmother, 1931", "Plustek", orientation
    tags.get_ifd(0x8769)[0x9003] = "1931:05:01 12:00:00"
    tags.get_ifd(0x8769)[0x927C] = maker_note()
    return tags.tobytes()


def maker_note() -> bytes:
    """As Nikon writes it, with a TIFF structure of its own: Quality, and a lens in four fractions."""
    quality, lens = b"FINE   \0", struct.pack(">8I", 50, 1, 50, 1, 14, 10, 14, 10)
    head, end = b"MM\0*" + struct.pack(">IH", 8, 2), 8 + 2 + 2 * 12 + 4
    fields = struct.pack(">HHII", 4, 2, 8, end) + struct.pack(">HHII", 0x84, 5, 4, end + 8)
    return b"Nikon\0\2\x10\0\0" + head + fields + bytes(4) + quality + lens


PROFILE_TIME = struct.pack(">6H", 1931, 5, 1, 12, 0, 0)
"""ICC.1:2022, 7.2.1: bytes 24 to 35, of which littlecms makes the present second."""


@cache
def icc(name: str = "sRGB") -> bytes:
    """The same bytes whenever it is asked for."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()
    return made[:24] + PROFILE_TIME + made[36:]


def saved(path: Path, pixels: Pixels, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


# PNG


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path: Path, channels: int = 3, depth: int = 8, **chunks: bytes) -> Path:
    """With density, text, XMP, EXIF and profile; `chunks` by name come before the picture."""
    samples = picture(channels, depth)
    kinds = {1: 0, 2: 4, 3: 2, 4: 6}
    return png_of(path, packed_rows(samples, depth), kinds[channels], depth, chunks)


def palette_png(path: Path, colours: int, depth: int, *, alpha: bool = False) -> Path:
    """A palette of as many colours, all of them used, the first half translucent with `alpha`."""
    indices = (picture(1).astype(np.uint16) * colours // 256).astype(np.uint8)
    indices.ravel()[:colours] = np.arange(colours)
    table = np.random.default_rng(3).permutation(256)[:colours].astype(np.uint8)
    chunks = {"PLTE": np.stack([table, table[::-1], 255 - table], axis=1).tobytes()}
    if alpha:
        chunks["tRNS"] = bytes(100 + number % 100 for number in range(colours // 2))
    chunks["bKGD"] = b"\1"
    step = 255 // ((1 << depth) - 1)
    return png_of(path, packed_rows(indices * np.uint8(step if depth < 8 else 1), depth), 3, depth, chunks)


def packed_rows(samples: Pixels, depth: int) -> bytes:
    """Rows with filter 0, as deflated in IDAT; samples below 8 bits are spread over 0..255."""
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in samples]
    elif depth == 8:
        rows = [row.tobytes() for row in samples]
    else:
        values = samples // (255 // ((1 << depth) - 1))
        bits = np.unpackbits(values[..., None], axis=2)[..., -depth:].reshape(len(values), -1)
        rows = [np.packbits(row).tobytes() for row in bits]
    return b"".join(b"\0" + row for row in rows)


def png_of(
    path: Path, rows: bytes, colour: int, depth: int, chunks: dict[str, bytes], *, sRGB: bool = True
) -> Path:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "Großmutter")
    text.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    model = io.BytesIO()
    profile_of_it = {"icc_profile": icc()} if sRGB else {}
    Image.new("L", (1, 1)).save(model, "PNG", exif=exif(), dpi=(600, 600), pnginfo=text, **profile_of_it)
    data = model.getvalue()
    begin, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    after = data.index(b"IDAT") + 4 + struct.unpack(">I", data[begin : begin + 4])[0] + 4
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, 0)
    given = b"".join(chunk(kind.encode(), body) for kind, body in chunks.items())
    path.write_bytes(
        data[:8]
        + chunk(b"IHDR", header)
        + data[33:begin]
        + given
        + chunk(b"IDAT", zlib.compress(rows))
        + data[after:end]
        + data[end:]
    )
    return path


# WebP and JPEG


def webp(path: Path, *, lossless: bool, channels: int = 3) -> Path:
    return saved(
        path,
        picture(channels),
        format="WEBP",
        lossless=lossless,
        exact=True,
        exif=exif(),
        icc_profile=icc(),
        xmp=XMP,
    )


def jpeg(path: Path, channels: int = 3, **options: object) -> Path:
    given = {"quality": 88, "exif": exif(), "icc_profile": icc(), "xmp": XMP, "dpi": (300, 300)} | options
    return saved(path, picture(channels), format="JPEG", comment=b"box 3", **given)


def cmyk_jpeg(path: Path, stored: str) -> Path:
    """Adobe's CMYK: inverted; `stored` as CMYK or YCCK (then with subsampled colours)."""
    path.write_bytes(imagecodecs.jpeg8_encode(255 - picture(4), 90, colorspace="CMYK", outcolorspace=stored))
    return path


# TIFF

TAGS = [(274, "H", 1, 6), (315, "s", 0, "A. Photographer"), (700, "B", len(XMP), XMP)]


def tiff(path: Path, channels: int = 3, depth: int = 8, **options: Any) -> Path:
    photometric = {1: "minisblack", 2: "minisblack", 3: "rgb", 4: "rgb"}[channels]
    options = {"photometric": photometric} | options
    pixels = picture(channels, depth)
    if options.get("planarconfig") == "separate":
        pixels = np.moveaxis(pixels, -1, 0)
    append_page(path, pixels, append=False, **options)
    return path


def black_and_white_tiff(path: Path, compression: str, *, options: int = 0, fill_order: int = 1) -> Path:
    """One bit a pixel by libtiff; `options` are those of T.4."""
    tags = {270: "Plate 12", 274: 6, 315: "A. Photographer", 700: XMP, 34675: icc(), 266: fill_order}
    if compression == "group3":
        tags[292] = options
    image = Image.fromarray(picture(1, 1) > 0)
    image.save(path, "TIFF", compression=compression, tiffinfo=tags, dpi=(1200, 1200), strip_size=11 * 16)
    return path


def few_bits_tiff(path: Path, depth: int, **options: Any) -> Path:
    """Grey of 2 or 4 bits."""
    levels = picture(1, depth) // (255 // ((1 << depth) - 1))
    append_page(path, levels, append=False, photometric="minisblack", bitspersample=depth, **options)
    return path


def palette_tiff(path: Path, depth: int, colours: int, **options: Any) -> Path:
    """Indices into a palette of which so many colours are used; the rest of it is black."""
    indices = (picture(1).astype(np.uint16) * colours // 256).astype(np.uint8)
    indices.ravel()[:colours] = np.arange(colours)
    table = np.zeros((1 << depth, 3), np.uint16)
    shades = np.random.default_rng(3).permutation(256)[:colours]
    table[:colours] = np.stack([shades, shades[::-1], 255 - shades], axis=1)
    if depth == 8:
        append_page(path, indices, append=False, photometric="palette", colormap=table.T * 257, **options)
        return path
    # tifffile writes no palettes of few bits, but grey with the same fields.
    palette = (320, "H", 3 << depth, tuple((table.T * 257).ravel().tolist()))
    options = {"bitspersample": depth, "photometric": "minisblack", "more_tags": [palette]} | options
    append_page(path, indices, append=False, **options)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["PhotometricInterpretation"].overwrite(3)
    return path


def palette_pages(path: Path) -> Path:
    """A palette page, a grey one, and a thumbnail between palette pages: all but grey are rewritten."""
    palette_tiff(path, 8, 256, rowsperstrip=9, compression="lzw")
    append_page(path, picture(1), photometric="minisblack", rowsperstrip=9)
    append_page(path, picture(3, 8, 12, 16), photometric="rgb", subfiletype=1)
    shades = np.arange(256, dtype=np.uint16)
    colours = np.stack([shades, shades[::-1], shades]) * 257
    append_page(path, picture(1), photometric="palette", colormap=colours, compression="zlib", tile=(16, 16))
    return path


def append_page(
    path: Path, pixels: Pixels, *, append: bool = True, more_tags: list[Any] | None = None, **options: Any
) -> None:
    tifffile.imwrite(
        path,
        pixels,
        append=append,
        resolution=(1200, 1200),
        resolutionunit="inch",
        description="Plate 12",
        extratags=TAGS + (more_tags or []),
        metadata=None,
        **({"iccprofile": icc()} | options),
    )


def multipage(path: Path) -> Path:
    """16-bit grey, then RGB with alpha in tiles, then a thumbnail, then CMYK."""
    append_page(
        path, picture(1, 16), append=False, photometric="minisblack", rowsperstrip=9, compression="lzw"
    )
    append_page(path, picture(4), photometric="rgb", extrasamples=[2], tile=(32, 16), compression="zlib")
    append_page(path, picture(3, 8, 12, 16), photometric="rgb", subfiletype=1)
    append_page(path, picture(4), photometric="separated", compression="packbits", rowsperstrip=20)
    return path


# Other colour spaces


def in_colours(path: Path, container: str, name: str) -> Path:
    """A photograph with a profile of `profiles`; 16-bit where the container has that."""
    channels = 1 if name in GREY else 3
    if container == "jpeg":
        return jpeg(path, channels, subsampling=2 if channels == 3 else -1, icc_profile=profile(name))
    if container == "webp":
        return saved(path, picture(), format="WEBP", lossless=True, exif=exif(), icc_profile=profile(name))
    if container == "png":
        chunks = {"iCCP": b"other\0\0" + zlib.compress(profile(name))}
        return png_of(
            path, packed_rows(picture(channels, 16), 16), 0 if channels == 1 else 2, 16, chunks, sRGB=False
        )
    photometric = "minisblack" if channels == 1 else "rgb"
    append_page(path, picture(channels, 16), append=False, photometric=photometric, iccprofile=profile(name))
    return path


# HEIC and AVIF


def avif(path: Path, channels: int = 3, **options: Any) -> Path:
    return saved(
        path, picture(channels), format="AVIF", quality=80, exif=exif(), icc_profile=icc(), **options
    )


def deep_avif(path: Path) -> Path:
    path.write_bytes(imagecodecs.avif_encode(picture(3, 10), 80, bitspersample=10, numthreads=1))
    return path


def heic(path: Path, channels: int = 3, depth: int = 8) -> Path:
    """Needs pillow_heif, which is an extra."""
    import pillow_heif

    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels] + (";16" if depth > 8 else "")
    # x265 pads pictures of odd size, and a crop says so.
    data = picture(channels, 16 if depth > 8 else 8).tobytes()
    made = pillow_heif.from_bytes(mode=mode, size=(WIDTH, HEIGHT), data=data)
    made.save(path, format="HEIF", quality=80, exif=exif(), icc_profile=icc(), xmp=XMP)
    return path


Make = Callable[[Path], Path]

EXACT: dict[str, Make] = {
    "png grey 1-bit": lambda path: png(path, 1, 1),
    "png grey 2-bit": lambda path: png(path, 1, 2),
    "png grey 4-bit": lambda path: png(path, 1, 4),
    "png grey": lambda path: png(path, 1),
    "png grey 16-bit": lambda path: png(path, 1, 16),
    "png grey alpha": lambda path: png(path, 2),
    "png grey alpha 16-bit": lambda path: png(path, 2, 16),
    "png rgb": lambda path: png(path, 3),
    "png rgb 16-bit": lambda path: png(path, 3, 16),
    "png rgb transparent colour": lambda path: png(path, 3, tRNS=bytes([0, 1, 0, 2, 0, 3])),
    "png rgba": lambda path: png(path, 4),
    "png rgba 16-bit": lambda path: png(path, 4, 16),
    "png palette": lambda path: palette_png(path, 250, 8),
    "png palette 4-bit": lambda path: palette_png(path, 11, 4),
    "png palette 1-bit": lambda path: palette_png(path, 2, 1),
    "png palette alpha": lambda path: palette_png(path, 200, 8, alpha=True),
    "webp lossy": lambda path: webp(path, lossless=False),
    "webp lossless": lambda path: webp(path, lossless=True),
    "webp lossy alpha": lambda path: webp(path, lossless=False, channels=4),
    "webp lossless alpha": lambda path: webp(path, lossless=True, channels=4),
    "webp simple": lambda path: saved(path, picture(), format="WEBP"),
    "tiff plain": lambda path: tiff(path),
    "tiff plain strips": lambda path: tiff(path, rowsperstrip=8),
    "tiff grey": lambda path: tiff(path, 1, rowsperstrip=7, compression="lzw"),
    "tiff grey 16-bit": lambda path: tiff(path, 1, 16, rowsperstrip=7, compression="lzw", predictor=True),
    "tiff white is zero": lambda path: tiff(path, 1, photometric="miniswhite", rowsperstrip=7),
    "tiff white is zero 16-bit": lambda path: tiff(path, 1, 16, photometric="miniswhite", rowsperstrip=7),
    "tiff grey alpha": lambda path: tiff(path, 2, extrasamples=[2], compression="zlib"),
    "tiff lzw predictor": lambda path: tiff(path, rowsperstrip=8, compression="lzw", predictor=True),
    "tiff deflate": lambda path: tiff(path, rowsperstrip=8, compression="zlib"),
    "tiff deflate predictor": lambda path: tiff(path, rowsperstrip=8, compression="zlib", predictor=True),
    "tiff packbits": lambda path: tiff(path, rowsperstrip=8, compression="packbits"),
    "tiff tiles": lambda path: tiff(path, tile=(16, 32), compression="lzw", predictor=True),
    "tiff plain tiles": lambda path: tiff(path, tile=(16, 16)),
    "tiff planes": lambda path: tiff(path, rowsperstrip=8, planarconfig="separate", compression="zlib"),
    "tiff big-endian": lambda path: tiff(path, rowsperstrip=8, byteorder=">", compression="lzw"),
    "tiff BigTIFF": lambda path: tiff(path, rowsperstrip=8, bigtiff=True, compression="zlib"),
    "tiff big-endian BigTIFF": lambda path: tiff(
        path, rowsperstrip=8, bigtiff=True, byteorder=">", compression="zlib"
    ),
    "tiff rgb 16-bit": lambda path: tiff(path, 3, 16, rowsperstrip=8),
    "tiff rgb 16-bit predictor": lambda path: tiff(
        path, 3, 16, rowsperstrip=8, compression="zlib", predictor=True
    ),
    "tiff rgb 16-bit big-endian predictor": lambda path: tiff(
        path, 3, 16, byteorder=">", rowsperstrip=8, compression="lzw", predictor=True
    ),
    "tiff rgb 16-bit tiles": lambda path: tiff(path, 3, 16, tile=(32, 32), compression="zlib"),
    "tiff rgba": lambda path: tiff(path, 4, extrasamples=[2], compression="lzw", rowsperstrip=8),
    "tiff rgba 16-bit": lambda path: tiff(path, 4, 16, extrasamples=[1], compression="zlib"),
    "tiff cmyk": lambda path: tiff(path, 4, photometric="separated", rowsperstrip=8, compression="lzw"),
    "tiff zstd": lambda path: tiff(path, rowsperstrip=8, compression="zstd"),
    "tiff zstd 16-bit predictor": lambda path: tiff(
        path, 3, 16, rowsperstrip=8, compression="zstd", predictor=True
    ),
    "tiff lzma": lambda path: tiff(path, rowsperstrip=8, compression="lzma"),
    "tiff 1-bit": lambda path: few_bits_tiff(path, 1, rowsperstrip=9),
    "tiff 1-bit packbits": lambda path: black_and_white_tiff(path, "packbits"),
    "tiff 2-bit": lambda path: few_bits_tiff(path, 2, rowsperstrip=9),
    "tiff 4-bit big-endian": lambda path: few_bits_tiff(path, 4, rowsperstrip=9, byteorder=">"),
    "tiff fax rows": lambda path: black_and_white_tiff(path, "tiff_ccitt"),
    "tiff fax 3": lambda path: black_and_white_tiff(path, "group3"),
    "tiff fax 3 two-dimensional": lambda path: black_and_white_tiff(path, "group3", options=5),
    "tiff fax 4": lambda path: black_and_white_tiff(path, "group4"),
    "tiff fax 4 reversed bits": lambda path: black_and_white_tiff(path, "group4", fill_order=2),
    "tiff palette with room": lambda path: palette_tiff(path, 8, 60, rowsperstrip=9),
    "tiff palette": lambda path: palette_tiff(path, 8, 256, rowsperstrip=9, compression="lzw"),
    "tiff palette 4-bit": lambda path: palette_tiff(path, 4, 16, rowsperstrip=9),
    "tiff palette 4-bit with room": lambda path: palette_tiff(path, 4, 4, rowsperstrip=9),
    "tiff palette 1-bit BigTIFF": lambda path: palette_tiff(path, 1, 2, rowsperstrip=9, bigtiff=True),
    "tiff palette tiles": lambda path: palette_tiff(
        path, 8, 256, tile=(16, 32), compression="zlib", predictor=True
    ),
    "tiff cmyk 16-bit": lambda path: tiff(path, 4, 16, photometric="separated", compression="zlib"),
}  # fmt: skip
"""Of which every sample can be held."""

BLOCKS: dict[str, Make] = {
    "jpeg grey": lambda path: jpeg(path, 1),
    "jpeg 4:4:4": lambda path: jpeg(path, subsampling=0),
    "jpeg 4:2:2": lambda path: jpeg(path, subsampling=1),
    "jpeg 4:2:0": lambda path: jpeg(path, subsampling=2),
    "jpeg progressive": lambda path: jpeg(path, progressive=True),
    "jpeg cmyk": lambda path: cmyk_jpeg(path, "CMYK"),
    "jpeg ycck": lambda path: cmyk_jpeg(path, "YCCK"),
    "tiff jpeg": lambda path: tiff(path, compression="jpeg", rowsperstrip=16),
    "tiff jpeg subsampled": lambda path: tiff(
        path, compression="jpeg", rowsperstrip=16, subsampling=(2, 2)
    ),
    "tiff jpeg rgb": lambda path: tiff(
        path, compression="jpeg", compressionargs={"outcolorspace": "rgb"}, rowsperstrip=16
    ),
    "tiff jpeg grey tiles": lambda path: tiff(path, 1, compression="jpeg", tile=(32, 32)),
}  # fmt: skip
"""Whose samples lie in the blocks of a JPEG."""

PAGES: dict[str, Make] = {"tiff pages": multipage, "tiff palette pages": palette_pages}


COLOURED: dict[str, Make] = {
    f"{container} {name}": lambda path, container=container, name=name: in_colours(path, container, name)
    for container in ("jpeg", "png", "tiff", "webp")
    for name in [*SPACES, *GREY]
    if container != "webp" or name not in GREY
}
"""In other colour spaces than sRGB; JPEG in blocks, the others exact."""

HEIF: dict[str, Make] = {
    "avif": lambda path: avif(path, xmp=XMP),
    "avif grey": lambda path: avif(path, 1),
    "avif alpha": lambda path: avif(path, 4),
    "avif 10-bit": deep_avif,
}
"""Written as PNG."""

if importlib.util.find_spec("pillow_heif") is not None:
    HEIF |= {
        "heic": heic,
        "heic grey": lambda path: heic(path, 1),
        "heic alpha": lambda path: heic(path, 4),
        "heic 10-bit": lambda path: heic(path, 3, 10),
    }


def independent(data: bytes) -> list[Pixels]:
    """The pages, decoded by libraries that the code under test does not use for them; CMYK as ink."""
    if data[:2] in (b"II", b"MM"):
        return independent_tiff(data)
    if data[:4] == b"\x89PNG" and data[24] == 16:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
        if data[25] == 4:  # which OpenCV gives as BGRA
            return [decoded[..., [0, 3]]]
        return [decoded if decoded.ndim == 2 else decoded[..., order[decoded.shape[2]]]]
    with Image.open(io.BytesIO(data)) as image:
        if image.mode == "P":
            return [np.asarray(image.convert("RGBA" if "transparency" in image.info else "RGB"))]
        return [np.asarray(image.convert("L") if image.mode == "1" else image)]


def independent_tiff(data: bytes) -> list[Pixels]:
    pages = []
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for page in file.pages:
            pixels = page.asarray()
            if page.photometric == 3:
                pixels = (
                    (page.colormap[:, pixels.astype(np.uint8)] // 257).astype(np.uint8).transpose(1, 2, 0)
                )
            elif page.bitspersample < 8:
                pixels = (pixels * np.uint8(255 // ((1 << page.bitspersample) - 1))).astype(np.uint8)
            if page.planarconfig == 2:
                pixels = np.moveaxis(pixels, 0, -1)
            if page.photometric == 0:
                pixels = np.iinfo(pixels.dtype).max - pixels
            if not page.subfiletype & 5:
                pages.append(pixels)
    return pages
