"""An export beside the models of a comparison: measured as they are, and not trained."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.cli.console import say
from tfrec_recall.cli.loading import load_export, trained_on
from tfrec_recall.cli.runs.plan import Plan
from tfrec_recall.cli.updates import told_of_update
from tfrec_recall.comparison.runs import DONE

if TYPE_CHECKING:
    from tfrec_recall.data import Split

MAY_KNOW = "what it is asked for here, it may have learnt from."


def measured_export(plan: Plan, path: pathlib.Path, split: Split) -> dict[str, Any]:
    """The figures of an export, with what its card tells of the training but its times, which are
    of another call and perhaps of another machine."""
    began = time.monotonic()
    from tfrec_recall.comparison import figures
    from tfrec_recall.export.version_files import features_in

    retriever = load_export(path)
    trained = trained_on(retriever)
    say("Measuring on test")
    found = figures(retriever, split, bool(plan.measured.repeats), cuts=plan.cuts)
    return {
        "of": str(trained.get("model") or "export"),
        "about": f"the export {path}",
        "seconds_allowed": None,
        "random": False,
        "status": DONE,
        "why": None,
        **found,
        "notes": [*found["notes"], *_notes(plan, trained)],
        "settings": trained.get("settings") or {},
        "best_epoch": trained.get("best_epoch"),
        "epochs": trained.get("curve") or [],
        "field_weights": trained.get("field_weights") or {},
        "features": features_in(retriever.card),
        **dict.fromkeys(("train_seconds", "seconds_to_best", "examples_per_second")),
        "seconds": round(time.monotonic() - began, 1),
    }


def _notes(plan: Plan, trained: Mapping[str, Any]) -> list[str]:
    """What its figures need to be read with.

    Args:
        trained: what its card tells of the training; empty of an export that was made in Python.
    """
    if not trained:
        return [f"An export that does not tell of its training: {MAY_KNOW}"]
    notes = []
    other_data = trained.get("fingerprint") != plan.fingerprint
    if other_data or not plan.measured.cuts_as(Protocol.recorded(trained)):
        notes.append(f"An export that was trained on other data or another split: {MAY_KNOW}")
    if update := told_of_update(trained):
        notes.append(f"An export that was updated {update}: {MAY_KNOW}")
    return notes
