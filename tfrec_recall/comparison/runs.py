"""The runs of a comparison on disk: a JSON file each, whole or not there."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from tfrec_recall.data.files import replacing

YARDSTICK = "popular"  # what a model has to be above
DONE = "done"
STOPPED = "stopped"  # the budget ended its training, and what it had learnt was measured
LEFT_OUT = "left out"  # the data are not such that the model can learn from them
TOO_LONG = "too long"  # the budget ended before there was anything to measure
FAILED = "failed"
WITH_FIGURES = (DONE, STOPPED)


@dataclasses.dataclass(frozen=True, order=True)
class Run:
    """One training of one model, by its name."""

    model: str
    seed: int

    def __str__(self) -> str:
        return f"{self.model}, seed {self.seed}"


class Runs:
    """The results of runs in a folder.

    Args:
        folder: made where it is not there.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, run: Run, kind: str = "json") -> pathlib.Path:
        """Where the result of a run is, or with another `kind` what else is kept of it."""
        return self.folder / f"{run.model}-{run.seed}.{kind}"

    def write(self, run: Run, result: Mapping[str, Any]) -> None:
        """Keeps a result, plain values without NaN, in place of the one before."""
        text = json.dumps({**dataclasses.asdict(run), **result}, allow_nan=False)
        with replacing(self.path(run)) as sibling:
            sibling.write_text(f"{text}\n", encoding="utf-8")

    def read(self) -> dict[Run, dict[str, Any]]:
        """All results there are, in the order of names and seeds.

        Raises: ValueError that names a file which is none.
        """
        found = {}
        for path in self.folder.glob("*.json"):
            try:
                result = json.loads(path.read_text(encoding="utf-8"))
                found[Run(result["model"], result["seed"])] = result
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{path} is not the result of a run: remove it, and the run is made again. "
                    f"Received: {type(error).__name__}: {error}."
                ) from error
        return dict(sorted(found.items()))


def standing(
    results: Mapping[Run, Mapping[str, Any]], made_of: Mapping[str, str]
) -> dict[Run, Mapping[str, Any]]:
    """The results of runs that would be made of the same now: their `made_of`, by model."""
    return {
        run: result
        for run, result in results.items()
        if result.get("made_of") == made_of.get(run.model)
    }


def lasts(result: Mapping[str, Any], seconds: float | None) -> bool:
    """Whether a result stands, or its run is to be made again or to go on.

    Args:
        seconds: that a run may take now; None: any. One that the budget stopped is made again, or
            goes on, where these are `enough`.
    """
    if result["status"] == FAILED:
        return False
    if result["status"] not in (STOPPED, TOO_LONG):
        return True
    return seconds is not None and seconds < enough(result)


def enough(result: Mapping[str, Any]) -> float:
    """The seconds with which a run that the budget ended comes further: where it `goes_on` from
    what is kept of it, those of another epoch and of measuring; else half as many again as it had.
    """
    if result.get("goes_on"):
        return float(result.get("goes_on_with") or 0.0)
    return 1.5 * float(result["seconds_allowed"])
