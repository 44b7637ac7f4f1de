"""The leaderboard as a table: for CSV, and for text that is made by the command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

SHOWN = ("recall@10", "recall@50", "recall@100", "ndcg@10", "coverage@50")
PARTS = ("deviation", "low", "high")
METRIC = "recall@50"
ENDS = {"": "mean", " low": "low", " high": "high"}


def leaderboard(summary: Mapping[str, Any]) -> pd.DataFrame:
    """A row a model, the best first: each metric, the deviation over seeds and the interval over
    users where there are any, then times and sizes."""
    rows = []
    for model in summary["models"]:
        row: dict[str, Any] = {"model": model["model"], "seeds": len(model["seeds"])}
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


def markdown(summary: Mapping[str, Any]) -> str:
    """The table as README and documentation show it, the best last.

    >>> model = {"model": "popular", "seeds": [0], "stopped": [], "settings": {}, "metrics": {
    ...     name: {"mean": 0.0789, "values": [0.0789]} for name in SHOWN}}
    >>> print(markdown({"models": [model]}).splitlines()[-1])
    | `popular` | – | .079 | .079 | .079 | .079 | .08 |
    """
    head = ["model", "seeds", *(name.replace("recall", "Recall") for name in SHOWN)]
    lines = [_row([name.replace("ndcg", "NDCG") for name in head]), _row(["---"] * len(head))]
    for model in summary["models"][::-1]:
        seeds = str(len(model["seeds"])) if len(model["seeds"]) > 1 else "–"
        cells = [_cell(model["metrics"][name], 2 if "coverage" in name else 3) for name in SHOWN]
        lines.append(_row([f"`{model['model']}`{' †' * bool(model['stopped'])}", seeds, *cells]))
    if any(model["stopped"] for model in summary["models"]):
        lines += ["", "† the budget ended its training."]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(found: Mapping[str, Any], digits: int) -> str:
    text = f"{found['mean']:.{digits}f}".removeprefix("0")
    if "deviation" in found and digits > 2:
        deviation = f"{found['deviation']:.{digits}f}".removeprefix("0")
        text += f" ± {deviation}"
    return text
