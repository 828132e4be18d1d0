"""Files that are no photographs of their own: the infrared picture that a film scanner wrote beside the visible one."""

from collections.abc import Iterable
from pathlib import Path

INFRARED_ENDINGS = (b"_ir", b".ir", b"-ir")
"""Of a name less its extension, in lower case: scan_ir.tif, scan_IR.tif and scan.ir.tif belong to scan.tif."""


def infrared_beside(names: Iterable[bytes]) -> dict[bytes, bytes]:
    """The name of its infrared file by the name of each photograph that has one.

    Parameters
    ----------
    names : of all pictures of one folder

    Returns
    -------
    Both names as they are given. An infrared file without its photograph is a photograph.
    """
    photographs: dict[bytes, list[bytes]] = {}
    infrared: dict[bytes, bytes] = {}
    for name in names:
        stem = name.rpartition(b".")[0].lower()
        ending = next((ending for ending in INFRARED_ENDINGS if stem.endswith(ending)), None)
        if ending is None:
            photographs.setdefault(stem, []).append(name)
        else:
            infrared.setdefault(stem.removesuffix(ending), name)
    return {photograph: name for stem, name in infrared.items() for photograph in photographs.get(stem, ())}


def infrared_of_file(path: Path) -> Path | None:
    """The infrared file beside one photograph, looked for by the names that scanners give it."""
    for ending in INFRARED_ENDINGS:
        for word in (ending.decode(), ending.decode().upper()):
            for suffix in dict.fromkeys((path.suffix, ".tif", ".tiff", ".TIF")):
                candidate = path.with_name(f"{path.stem}{word}{suffix}")
                if candidate != path and candidate.is_file():
                    return candidate
    return None
