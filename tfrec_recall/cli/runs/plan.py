"""What a comparison is of, on disk, so that each of its runs and a later call read the same."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import tfrec_recall
from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.cli.arguments.settings import PUBLISHED
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.discovery import Entry, entries, entry
from tfrec_recall.cli.runs.unfinished import Unfinished
from tfrec_recall.comparison.cuts import CUTS, measured
from tfrec_recall.comparison.runs import Run, Runs
from tfrec_recall.data.files import replacing

if TYPE_CHECKING:
    from tfrec_recall.data import Split
    from tfrec_recall.retrieval import IndexSettings

FILE = "plan.json"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all runs of a comparison are made of.

    Args:
        folder: of the comparison.
        source, measured: the data and the protocol.
        fingerprint: of the events that count.
        index: the kind of index, by its name on the command line.
        settings: of models that have other settings than their defaults, by name.
        cuts: of the tables. Some are measured anyway, and take no run anew.
        models: the models of those names that are not a model's own, and the exports.
        published: names of those that are as their paper has them, where settings say nothing else.
    """

    folder: pathlib.Path
    source: Source
    measured: Protocol
    fingerprint: str
    index: str = "exact"
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    cuts: Sequence[int] = ()
    models: Mapping[str, str] = dataclasses.field(default_factory=dict)
    published: Sequence[str] = ()

    def entry(self, name: str) -> Entry:
        """The model of this name."""
        return entry(self.models.get(name, name))

    def export(self, name: str) -> pathlib.Path | None:
        """The export of this name; None where it is a model's."""
        place = self.models.get(name, name)
        return None if place in entries() else pathlib.Path(place)

    @property
    def length(self) -> int:
        """Of the lists that are measured."""
        return max(measured(self.cuts))

    def runs(self) -> Runs:
        return Runs(self.folder / "runs")

    def unfinished(self, run: Run) -> Unfinished:
        """What is kept of a run until it is done."""
        return Unfinished(self.runs().path(run, "checkpoints"))

    def goes_on(self, run: Run) -> bool:
        """Whether there is something of a run that is made of what the plan says now."""
        return self.unfinished(run).is_of(self.about(run))

    def about(self, run: Run) -> dict[str, str]:
        """What an unfinished run is of."""
        return {"made_of": self.made_of(run.model)}

    def made_of(self, model: str) -> str:
        """A text that is another one where a run of the model would be of anything else."""
        measure = self._measure()
        if measure["cuts"] == list(CUTS):
            del measure["cuts"]  # so that results stand from before there were others
        parts = [measure, self.settings.get(model, {}), tfrec_recall.__version__]
        export = self.export(model)
        if export is not None:
            from tfrec_recall.export.version_files import fingerprint

            parts.append(fingerprint(export))  # wherever it lies
        elif model in self.models:
            parts.append(self.models[model])
        parts += [PUBLISHED] if model in self.published else []
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def split(self) -> Split:
        """Reads the data, and cuts them as the protocol says.

        Raises: ValueError where they are not those of the comparison any more.
        """
        from tfrec_recall.data.fingerprint import fingerprint

        interactions = self.measured.counted(self.source.load())
        found = fingerprint(interactions)
        if found != self.fingerprint:
            raise ValueError(
                f"{self.source.name} has other data than when the comparison in {self.folder} "
                "began: figures of both would not stand side by side. Put the data back, or "
                "compare the new ones in another --out. "
                f"Received: data {found}, and {self.fingerprint} then."
            )
        return self.measured.cut(interactions)

    def index_settings(self) -> IndexSettings:
        from tfrec_recall.cli.arguments.index import Kind, index_of

        return index_of(Kind(self.index))

    @staticmethod
    def machine(at_once: int = 1) -> str:
        """What times were measured on, of how many runs at once."""
        machine = f"{platform.machine()}, {os.cpu_count()} CPUs, {platform.system()}"
        return machine if at_once == 1 else f"{machine}, {at_once} runs at once"

    def write(self) -> None:
        """Keeps it in its folder.

        Raises: ValueError where the folder is of a comparison of something else.
        """
        path = self.folder / FILE
        if path.exists():
            before = Plan.read(self.folder)
            mine, theirs = self._measure(), before._measure()
            other = [name for name in mine if mine[name] != theirs[name]]
            if other:
                raise ValueError(
                    f"{self.folder} holds a comparison with other {', '.join(other)}: figures of "
                    "both would not stand side by side. Give another --out. Received: "
                    + "; ".join(f"{name} {mine[name]!r}, there {theirs[name]!r}" for name in other)
                    + "."
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {
                "source": {**self.source.recorded(), "columns": self.source.columns},
                "protocol": self.measured.record(),
                "fingerprint": self.fingerprint,
                "index": self.index,
                "settings": self.settings,
                "cuts": list(self.cuts),
                "models": self.models,
                "published": list(self.published),
            },
            indent=2,
        )
        with replacing(path) as sibling:
            sibling.write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: pathlib.Path) -> Self:
        """The plan in a folder.

        Raises: FileNotFoundError where there is none; ValueError where it is damaged.
        """
        path = folder / FILE
        if not path.exists():
            raise FileNotFoundError(f"There is no comparison in {folder}: {FILE} is missing.")
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            source = dict(kept["source"])
            place, layout = source.pop("data"), source.pop("layout")
            return cls(
                folder,
                Source(place, source.get("users"), source.get("items"), layout, source["columns"]),
                Protocol(**kept["protocol"]),
                kept["fingerprint"],
                kept["index"],
                kept["settings"],
                tuple(kept.get("cuts", ())),  # this, and what follows, earlier versions had not
                kept.get("models", {}),
                kept.get("published", ()),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is damaged: give another --out. Received: {type(error).__name__}: {error}."
            ) from error

    def _measure(self) -> dict[str, Any]:
        """What has to be the same for figures to stand side by side."""
        columns = None if self.source.columns is None else list(self.source.columns)
        return {
            "data": self.fingerprint,
            "protocol": self.measured.record(),
            "columns": columns,
            "index": self.index,
            "cuts": list(measured(self.cuts)),
        }
