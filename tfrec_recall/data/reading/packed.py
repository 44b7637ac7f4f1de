"""Files that are packed or not, by the ends of their names."""

from __future__ import annotations

import pathlib

import pyarrow as pa

_PACKED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}


def opened(path: pathlib.Path, buffer_size: int | None = None) -> pa.NativeFile:
    """The bytes of a file, unpacked; `EVENTS.CSV.GZ` too, which pyarrow takes for unpacked.

    Args:
        buffer_size: bytes that are read ahead; None reads what is asked for.
    """
    packed = _PACKED.get(path.suffix.lower())
    return pa.input_stream(str(path), compression=packed, buffer_size=buffer_size)
