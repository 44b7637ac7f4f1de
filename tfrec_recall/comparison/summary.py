"""All runs beside each other: means over seeds, intervals over users, and above what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfrec_recall.comparison import cuts
from tfrec_recall.comparison.runs import STOPPED, WITH_FIGURES, YARDSTICK, Run
from tfrec_recall.evaluation.metrics import bootstrap_interval

MAIN = f"recall@{cuts.MAIN}"
AVERAGED = ("train_seconds", "seconds", "seconds_to_best", "examples_per_second", "peak_mib")
Result = Mapping[str, Any]


def summarised(
    results: Mapping[Run, Result], facts: Mapping[str, Any], models: Sequence[str]
) -> dict[str, Any]:
    """What the report shows, as plain values.

    Args:
        results: of runs of one comparison; those of other models are left aside.
        facts: of the data.
        models: by name, those that were wanted.

    Returns: `facts`; `shown`, the metrics of the tables; `models`, those with figures, the best
        recall@50 first; `absent`, the others with the reason; `overlap`, of each pair of models the
        share of its first 50 that two lists of a user have in common; `notes`.
    """
    by_model = {
        name: [result for run, result in sorted(results.items()) if run.model == name]
        for name in models
    }
    measured = {
        name: [one for one in runs if one["status"] in WITH_FIGURES]
        for name, runs in by_model.items()
    }
    popular = measured.get(YARDSTICK)
    yardstick = _mean_of_users(popular, MAIN) if popular else None
    rows = [
        _row(name, runs, by_model[name], yardstick if name != YARDSTICK else None)
        for name, runs in measured.items()
        if runs
    ]
    rows.sort(key=lambda row: -row["metrics"][MAIN]["mean"])
    order = [row["model"] for row in rows]
    return {
        "facts": dict(facts),
        "shown": list(cuts.shown(facts["cuts"])),
        "models": rows,
        "absent": [_absent(name, by_model[name]) for name in models if not measured[name]],
        "overlap": _overlaps([measured[name][0]["compared"] for name in order]),
        "notes": [*_notes(rows, measured), *_notes_of_models(rows, facts["notes"])],
    }


def _row(
    name: str, runs: list[Result], all_runs: list[Result], yardstick: np.ndarray | None
) -> dict[str, Any]:
    """A model: its figures over seeds, and of the first seed what is shown of one run."""
    first = runs[0]
    told = {figure: [run[figure] for run in runs if run.get(figure)] for figure in AVERAGED}
    row = {
        "model": name,
        "of": first.get("of", name),  # the model, where the row has a name of its own
        "about": first["about"],
        "seeds": [run["seed"] for run in runs],
        "random": first["random"],
        "stopped": [run["seed"] for run in runs if run["status"] == STOPPED],
        "failed": [
            f"seed {run['seed']}: {run['why']}"
            for run in all_runs
            if run["status"] not in WITH_FIGURES
        ],
        "metrics": {metric: _over_seeds(metric, runs) for metric in first["metrics"]},
        "latency": {p: _mean([run["latency"][p] for run in runs]) for p in first["latency"]},
        **{figure: _mean(values) for figure, values in told.items()},
        "curve": [
            [k, _mean([run["curve"][place][1] for run in runs])]
            for place, (k, _) in enumerate(first["curve"])
        ],
        "by_item": _column_means([run["by_item"] for run in runs]),
        "by_history": _column_means([run["by_history"] for run in runs]),
        "exposure": _column_means([run["exposure"] for run in runs]),
        "epochs": [run["epochs"] for run in runs],
        "settings": first["settings"],
        "best_epoch": [run["best_epoch"] for run in runs],
        "lists": first["lists"],
        "retriever": first["retriever"],
        "index": first["index"],
        "similar_items_index": first.get("similar_items_index"),  # earlier runs did not tell
        "features": first["features"],
        "ablation": first["ablation"],
        "field_weights": first["field_weights"],
        "notes": first["notes"],
    }
    if yardstick is not None:
        difference = _mean_of_users(runs, MAIN) - yardstick
        low, high = _interval(difference)
        row["above_popular"] = {
            "mean": float(f"{difference.mean():.4g}"),
            "low": float(f"{low:.4g}"),
            "high": float(f"{high:.4g}"),
        }
    return row


def _over_seeds(metric: str, runs: list[Result]) -> dict[str, Any]:
    """The mean, the standard deviation over seeds, and the 95% interval over users where there is
    one: of each user's mean over seeds."""
    values = [run["metrics"][metric] for run in runs]
    if any(value is None for value in values):
        return {"mean": None, "values": values}
    found: dict[str, Any] = {"mean": float(f"{np.mean(values):.5g}"), "values": values}
    if len(values) > 1:
        found["deviation"] = float(f"{np.std(values, ddof=1):.3g}")
    if all(metric in run["per_user"] for run in runs):  # of fewer, in runs of earlier versions
        low, high = _interval(_mean_of_users(runs, metric))
        found |= {"low": float(f"{low:.5g}"), "high": float(f"{high:.5g}")}
    return found


def _mean_of_users(runs: list[Result], metric: str) -> np.ndarray:
    """A metric of each user, the mean over seeds."""
    return np.mean([run["per_user"][metric] for run in runs], axis=0)


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Over users. Thousandths are enough, and few distinct values are fast to draw from."""
    return bootstrap_interval(np.round(values, 3))


def _overlaps(lists: list[list[list[int]]]) -> list[list[float]]:
    """The share of places that lists of the same users have in common, of each pair of models."""
    sets = [[{item for item in one if item >= 0} for one in model] for model in lists]

    def common(mine: list[set[int]], theirs: list[set[int]]) -> float:
        shares = [
            len(one & other) / max(1, min(len(one), len(other)))
            for one, other in zip(mine, theirs, strict=True)
        ]
        return round(float(np.mean(shares)), 3)

    found = [[1.0] * len(sets) for _ in sets]
    for row, mine in enumerate(sets):
        for column in range(row):
            found[row][column] = found[column][row] = common(mine, sets[column])
    return found


def _absent(name: str, runs: list[Result]) -> dict[str, str]:
    if not runs:
        return {"model": name, "why": "no run of it has ended"}
    return {"model": name, "why": f"{runs[0]['status']}: {runs[0]['why']}"}


def _notes(rows: list[dict[str, Any]], measured: Mapping[str, list[Result]]) -> list[str]:
    """What a reader has to know of the table as a whole."""
    notes = []
    if not measured.get(YARDSTICK):
        notes.append(
            f"{YARDSTICK} was not measured: nothing says which models are above most-popular."
        )
    below = [row["model"] for row in rows if _not_above(row)]
    if below:
        notes.append(
            f"Not above most-popular in {MAIN}, the 95% interval of the difference over users "
            f"reaching 0 or below: {', '.join(below)}."
        )
    stopped = [row["model"] for row in rows if row["stopped"]]
    if stopped:
        notes.append(
            f"The budget ended the training of {', '.join(stopped)}: they are measured as far as "
            "they came."
        )
    commits = {run.get("commit") or "" for runs in measured.values() for run in runs}
    if len(commits) > 1:
        notes.append(f"The runs are of {len(commits)} states of the code.")
    machines = {run["machine"] for runs in measured.values() for run in runs}
    if len(machines) > 1:
        told = "; ".join(sorted(machines))
        notes.append(f"Times were measured differently and do not stand side by side: {told}.")
    return notes


def _notes_of_models(rows: list[dict[str, Any]], of_all: Sequence[str]) -> list[str]:
    """What the figures of some models need to be read with, and those of all do not."""
    models: dict[str, list[str]] = {}
    for row in rows:
        for note in row["notes"]:
            if note not in of_all:
                models.setdefault(note, []).append(row["model"])
    return [f"{', '.join(names)}: {note}" for note, names in models.items()]


def _not_above(row: Mapping[str, Any]) -> bool:
    return "above_popular" in row and not row["above_popular"]["low"] > 0


def _mean(values: Sequence[float]) -> float | None:
    return float(f"{np.mean(values):.5g}") if len(values) else None


def _column_means(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    columns = zip(*rows, strict=True)
    return [_mean([one for one in column if one is not None]) for column in columns]
