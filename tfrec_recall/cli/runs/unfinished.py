"""What is kept of a training until it is over, so that the next call goes on with it."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from tfrec_recall.data.files import replacing

ABOUT = "about.json"  # beside the checkpoints


class Unfinished:
    """The checkpoints of one training, and what is known of it.

    Args:
        folder: of them alone.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    @property
    def about(self) -> dict[str, Any] | None:
        """What it is of, as `begins` was told; None where nothing was learnt."""
        if not any(self.folder.glob("*/checkpoint")):
            return None
        kept = self._kept()
        return None if kept is None else dict(kept["about"])

    @property
    def known(self) -> dict[str, Any]:
        """What calls have kept of it."""
        kept = self._kept()
        return {} if kept is None else dict(kept["known"])

    @property
    def is_learnt(self) -> bool:
        """Whether a call ended while it measured what was learnt, which comes first now."""
        return self.about is not None and bool(self.known.get("learnt"))

    @property
    def is_over(self) -> bool:
        """Whether all its parts, a trial too, have come to their own end."""
        from tfrec_recall.training import is_over

        parts = [path.parent for path in self.folder.glob("*/checkpoint")]
        return bool(parts) and all(is_over(part) for part in parts)

    def is_of(self, about: Mapping[str, Any]) -> bool:
        """Whether it is a training of this that can go on."""
        return self.about == json.loads(json.dumps(about))

    def begins(self, about: Mapping[str, Any]) -> None:
        """A training begins, or goes on if it is what is there; else that is of no use."""
        if not self.is_of(about):
            self.remove()
            self._keep(about, {})

    def keeps(self, **known: Any) -> None:
        """Something more is known of it."""
        kept = self._kept()
        if kept is not None:
            self._keep(kept["about"], {**kept["known"], **known})

    def remove(self) -> None:
        """It is over, or what is there is of no use."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kept(self) -> dict[str, Any] | None:
        path = self.folder / ABOUT
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def _keep(self, about: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / ABOUT) as sibling:
            sibling.write_text(json.dumps({"about": about, "known": known}), encoding="utf-8")
