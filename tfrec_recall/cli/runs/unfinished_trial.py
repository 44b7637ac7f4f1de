"""What is kept of a training of a search until it is over: the next call goes on with it."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from tfrec_recall.data.files import replacing

ABOUT = "about.json"


class UnfinishedTrial:
    """The checkpoints of a search's one training that was interrupted, or that a budget ended.

    Args:
        folder: of them alone.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    @property
    def about(self) -> dict[str, Any] | None:
        """What it is of, as `begins` was told; None where nothing was learnt."""
        if not any(self.folder.glob("*/checkpoint")) or not (self.folder / ABOUT).exists():
            return None
        return dict(self._kept()["about"])

    @property
    def seconds(self) -> float:
        """That earlier calls spent on it."""
        return float(self._kept()["seconds"])

    def begins(self, about: Mapping[str, Any]) -> None:
        """A training begins, or goes on if it is what is there; else that is of no use."""
        if self.about != json.loads(json.dumps(about)):
            self.remove()
            self._keep(about, 0.0)

    def waits(self, seconds: float) -> None:
        """It has taken so many more, and goes on in the next call."""
        kept = self._kept()
        self._keep(kept["about"], kept["seconds"] + seconds)

    def remove(self) -> None:
        """It is over."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kept(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / ABOUT).read_text(encoding="utf-8")))

    def _keep(self, about: Mapping[str, Any], seconds: float) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / ABOUT) as sibling:
            sibling.write_text(json.dumps({"about": about, "seconds": seconds}), encoding="utf-8")
