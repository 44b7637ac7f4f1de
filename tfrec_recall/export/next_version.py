"""The next version of an export, made of one that is there, with nothing between the two."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator

from tfrec_recall.data.files import alone_in
from tfrec_recall.export.version_files import newest_version
from tfrec_recall.export.versions import versions


@contextlib.contextmanager
def next_version(
    path: pathlib.Path, to: pathlib.Path | None = None
) -> Iterator[Callable[[str], None]]:
    """Holds the directory of an export while its next version is made of what it holds.

    Args:
        path: the directory of the versions, or that of one version.
        to: where the next one is written, if elsewhere: then nothing of it is passed over there,
            and nothing is held.

    Yields: what is to be called before the version is there, with what was done in words. It raises
        ValueError where a version was written since, by one who holds nothing, such as `train`:
        what that one learnt would not be in the next.

    Raises: FileNotFoundError if there is no export; BlockingIOError where another process holds it.
    """
    directory = newest_version(path).parent
    if to is not None and to.resolve() != directory.resolve():
        yield lambda doing: None
        return
    with alone_in(directory, "makes the next version"):
        newest = versions(directory)[-1:]  # also where an older one goes on, which is chosen

        def unchanged(doing: str) -> None:
            now = versions(directory)[-1:]
            if now > newest:
                raise ValueError(
                    f"Version {now[0]} was written while {doing}, and would not be in the next "
                    "one: run it again, and it goes on from the newest. "
                    f"Received: {path}, where the newest one was {newest[0] if newest else 'none'}."
                )

        yield unchanged
