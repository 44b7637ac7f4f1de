"""Where an export can be written, and be read back by TensorFlow."""

from __future__ import annotations

import os

from tfrec_recall.data.files import check_folder, check_name


def check(path: str | os.PathLike[str]) -> None:
    """Raises what exporting to this path would raise, before the work for it is done.

    Raises: ValueError for a path that TensorFlow would not find again; OSError of the kind that
        occurred where nothing can be written.
    """
    check_name(os.path.abspath(path))  # it is to be found from anywhere
    try:
        check_folder(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(error.errno, f"cannot export to {path}: {reason}") from error
