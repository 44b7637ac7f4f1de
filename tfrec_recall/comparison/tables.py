"""The leaderboard as a table: for CSV, and for text that is made by the command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tfrec_recall.comparison import cuts

EARLIER = (10, 50, 100)  # the cuts of tables that do not say theirs
PARTS = ("deviation", "low", "high")
METRIC = f"recall@{cuts.MAIN}"
ENDS = {"": "mean", " low": "low", " high": "high"}


def leaderboard(summary: Mapping[str, Any]) -> pd.DataFrame:
    """A row a model, the best first: each metric, the deviation over seeds and the interval over
    users where there are any, then times and sizes; `cuts`, those that texts show."""
    rows = []
    of_texts = " ".join(map(str, summary["facts"]["cuts"]))
    for model in summary["models"]:
        row: dict[str, Any] = {"model": model["model"], "seeds": len(model["seeds"])}
        row["cuts"] = of_texts
        for name, found in model["metrics"].items():
            row[name] = found["mean"]
            row |= {f"{name} {part}": found[part] for part in PARTS if part in found}
        above = model.get("above_popular") or {}
        row |= {f"{METRIC} above popular{end}": above.get(key) for end, key in ENDS.items()}
        row["train_seconds"] = model["train_seconds"]
        row["seconds_to_best"] = model["seconds_to_best"]
        row["latency_ms_p50"], row["latency_ms_p95"] = model["latency"].values()
        row["peak_mib"] = model["peak_mib"]
        row["stopped_by_budget"] = bool(model["stopped"])
        rows.append(row)
    return pd.DataFrame(rows)


def shown(table: pd.DataFrame) -> tuple[str, ...]:
    """The metrics of a `leaderboard` that texts show, by its cuts; it may come from a file."""
    told = str(table["cuts"].iloc[0]).split() if "cuts" in table else EARLIER
    return cuts.shown([int(cut) for cut in told])


def markdown(table: pd.DataFrame) -> str:
    """The `leaderboard` as README and documentation show it, the best last.

    >>> table = pd.DataFrame([{"model": "popular", "seeds": 1, "stopped_by_budget": False}])
    >>> print(markdown(table.assign(cuts=50, **dict.fromkeys(cuts.shown([50]), 0.0789))))
    | model | seeds | Recall@50 | NDCG@50 | coverage@50 |
    | --- | --- | --- | --- | --- |
    | `popular` | – | .079 | .079 | .08 |
    """
    metrics = shown(table)
    head = ["model", "seeds", *(name.replace("recall", "Recall") for name in metrics)]
    lines = [_row([name.replace("ndcg", "NDCG") for name in head]), _row(["---"] * len(head))]
    for model in table[::-1].to_dict("records"):
        seeds = str(model["seeds"]) if model["seeds"] > 1 else "–"
        cells = [cell(model, name, 2 if "coverage" in name else 3) for name in metrics]
        lines.append(
            _row([f"`{model['model']}`{' †' * model['stopped_by_budget']}", seeds, *cells])
        )
    if table["stopped_by_budget"].any():
        lines += ["", "† the budget ended its training."]
    return "\n".join(lines)


def cell(model: Mapping[Any, Any], metric: str, digits: int = 3) -> str:
    """A metric of a row of the `leaderboard`, with its deviation over seeds where there is one.

    >>> cell({"recall@50": 0.50329, "recall@50 deviation": 0.0041}, "recall@50")
    '.503 ± .004'
    """
    text = f"{model[metric]:.{digits}f}".removeprefix("0")
    deviation = model.get(f"{metric} deviation")
    if digits > 2 and deviation is not None and not pd.isna(deviation):
        text += f" ± {f'{deviation:.{digits}f}'.removeprefix('0')}"
    return text


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
