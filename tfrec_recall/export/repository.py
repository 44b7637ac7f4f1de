"""The version of the project that an export is made in."""

from __future__ import annotations

import functools
import os
import subprocess
from typing import Any

SECONDS = 5  # git is local; a repository that answers later is not waited for


def repository(folder: str | os.PathLike[str] | None = None) -> dict[str, Any] | None:
    """The commit of the git repository around a folder, and whether tracked files differ from it.

    Args:
        folder: by default the working directory, where training runs.

    Returns: `commit` and `changed`; None outside of a repository, before its first commit, or
        without git.
    """
    return _repository(os.path.abspath(folder or os.curdir))


@functools.cache  # of the code that this process runs, later commits say nothing
def _repository(folder: str) -> dict[str, Any] | None:
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": changes != ""}


def _git(folder: str, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
