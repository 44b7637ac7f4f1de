"""The files of a published archive, read from the .zip or from a folder, never unpacked to disk.

A member of an archive is opened as a stream, so there is no path to escape by and no file to leave
half-written. An archive that tries is refused all the same: no honest one has such members, and the
user may go on to unpack it with another tool.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping

GIBIBYTE = 2**30
LIMIT = 4 * GIBIBYTE  # the largest known archive, ml-25m, unpacks to 1.2 GiB
RATIO = 200  # text such as ours shrinks to a fifth, zeros to a thousandth
SMALL = 16 * 2**20  # below this many bytes the ratio says nothing

File = pathlib.Path | zipfile.Path


@contextlib.contextmanager
def files_in(path: pathlib.Path, limit: int = LIMIT) -> Iterator[Mapping[str, File]]:
    """The files at the top of a .zip or a folder, or of the single folder in it, by their names.

    Each has `.open("rb")`. The mapping is of use inside the `with` block only.

    Args:
        path: the archive, or the folder it was unpacked to.
        limit: bytes that an archive may unpack to.

    Raises: ValueError for a file that is no .zip, is damaged, or has members that no honest archive
        has: paths that lead out of the folder, links, more bytes than `limit`.
    """
    if path.is_dir():
        yield _top(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_hostile(archive, path, limit)
            yield _top(zipfile.Path(archive))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(
            f"{path} is no whole .zip archive ({error}). Remove it and get it again."
        ) from error


def _top(root: File) -> dict[str, File]:
    entries = [entry for entry in root.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    files = {entry.name: entry for entry in entries if entry.is_file()}
    folders = [entry for entry in entries if entry.is_dir()]
    if not files and len(folders) == 1:
        return {entry.name: entry for entry in folders[0].iterdir() if entry.is_file()}
    return files


def refuse_hostile(archive: zipfile.ZipFile, path: pathlib.Path, limit: int = LIMIT) -> None:
    """Raises the ValueError of an archive with members that no honest archive has."""
    members = archive.infolist()
    names = set()
    for member in members:
        name = member.orig_filename  # `filename` is cut at a null byte
        parts = re.split(r"[/\\]", name)
        kind = stat.S_IFMT(member.external_attr >> 16)
        fault = None
        if ".." in parts:
            fault = "leads out of the folder"
        elif parts[0] == "" or re.match(r"[A-Za-z]:", name):
            fault = "is an absolute path"
        elif "\\" in name or "\0" in name:
            fault = "has a character that no file name should have"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            fault = "is a link or another special file"
        elif member.flag_bits & 1:
            fault = "is encrypted"
        elif name in names:
            fault = "is there twice"
        if fault:
            raise ValueError(f"{path} is refused, nothing was read: its member {name!r} {fault}.")
        names.add(name)
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if size > limit or (size > SMALL and size > RATIO * packed):
        raise ValueError(
            f"{path} is refused, nothing was read: it would unpack to {size:,} bytes from "
            f"{packed:,}. Accepted: {limit:,} bytes, {RATIO} times the packed size."
        )
