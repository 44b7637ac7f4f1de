"""Files that are not what their names say: refused as what their first bytes are."""

from __future__ import annotations

import codecs
import pathlib

from tfrec_recall.data.reading.packed import opened

_SAMPLE = 4096
_PACKED = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".zst": b"\x28\xb5\x2f\xfd"}
_KINDS = {  # first bytes, and what a file is that has them
    b"\x1f\x8b": "packed by gzip: its name ends in .gz",
    b"BZh": "packed by bzip2: its name ends in .bz2",
    b"\x28\xb5\x2f\xfd": "packed by zstandard: its name ends in .zst",
    b"\xfd7zXZ": "packed by xz, which is not read: unpack it, or pack it by gzip",
    b"\x04\x22\x4d\x18": "packed by lz4, which is not read: unpack it, or pack it by gzip",
    b"\x1f\x9d": "packed by compress, which is not read: unpack it, or pack it by gzip",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"PK\x03\x04": "a zip archive, or a workbook: unpack it, or save its sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a workbook: save its sheet as CSV",
    b"PAR1": "Parquet: its name ends in .parquet",
    b"ARROW1": "Feather or Arrow: save it as Parquet",
    b"ORC": "ORC: save it as Parquet",
    b"Obj\x01": "Avro: save it as Parquet",
    b"SQLite format 3": "a data base: save its tables as CSV",
    b"\x80\x04": "a pickle: save its frame as Parquet or CSV",
    b"\x80\x05": "a pickle: save its frame as Parquet or CSV",
    b"<!doctype": "a web page, as servers send instead of a file: fetch it again",
    b"<html": "a web page, as servers send instead of a file: fetch it again",
    b"<?xml": "XML: save its records as CSV or JSON lines",
    b"version https://git-lfs": "a pointer of Git LFS: git lfs pull fetches the file itself",
}
_MARKS = {  # of encodings; that of UTF-32 begins as that of UTF-16 does
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_FEW = 0.2  # of the bytes of text are NUL at most


def refuse_other_file(path: pathlib.Path, encoding: str | None) -> None:
    """Raises the ValueError of a file that is no text in this encoding, by its first bytes.

    Args:
        encoding: None for JSON, which is UTF-8.
    """
    packed = _PACKED.get(path.suffix.lower())
    with open(path, "rb") as file:
        begin = file.read(8)
    if packed and begin and not begin.startswith(packed):
        raise ValueError(
            f"its name ends in {path.suffix}, and it is not packed so: change its name. "
            f"Received: {begin!r}."
        )
    with opened(path) as unpacked:
        first = unpacked.read(_SAMPLE)
    what = _other_kind(first, encoding is not None) or _other_encoding(first, encoding)
    if what:
        raise ValueError(f"by its first bytes it is {what}. Received: {first[:8]!r}.")


def _other_kind(first: bytes, of_text: bool) -> str | None:
    """What the file is, if it is no text; words alone could be those of a header."""
    binary = any(byte < 9 for byte in first)
    bare = first.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if of_text and (bare.startswith(b'{"') or bare.replace(b" ", b"").startswith(b"[{")):
        return "JSON: its name ends in .jsonl or .json"
    for begin, what in _KINDS.items():
        is_text = begin.isascii() and begin.decode().isprintable()
        if is_text and begin.startswith((b"<", b"version")):
            if bare.startswith(begin):
                return what
        elif first.startswith(begin) and (binary or not is_text):
            return what
    return None


def _other_encoding(first: bytes, encoding: str | None) -> str | None:
    said = (encoding or "utf-8").lower().replace("_", "-")
    if said.startswith(("utf-16", "utf-32", "utf16")):
        return None
    if first.startswith(codecs.BOM_UTF8) and not said.startswith("utf"):
        return "UTF-8: encoding='utf-8' (--encoding utf-8), or none, reads it"
    found = next((name for mark, name in _MARKS.items() if first.startswith(mark)), None)
    if found is None and first.count(0) > _FEW * len(first):
        odd, even = first[1::2].count(0), first[::2].count(0)
        if max(odd, even) < 4 * min(odd, even):
            return "no text: most of its bytes are NUL, as those of a copy that was broken off are"
        found = "utf-16-le" if odd > even else "utf-16-be"
    if found is None:
        return None
    if encoding is None:
        return f"{found.upper()}, and JSON is UTF-8: iconv -f {found} -t utf-8 makes it so"
    return f"{found.upper()}: encoding={found!r} (--encoding {found}) reads it"
