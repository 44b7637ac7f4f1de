"""The leaderboard as a table: for CSV, and for text that is made by the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def markdown(table: pd.DataFrame, shown: Sequence[str] = SHOWN) -> str:
    """The `leaderboard` as README and documentation show it, the best last.

    Args:
        shown: metrics, each with its cut.

    >>> table = pd.DataFrame([{"model": "popular", "seeds": 1, "stopped_by_budget": False}])
    >>> print(markdown(table.assign(**dict.fromkeys(SHOWN, 0.0789))).splitlines()[-1])
    | `popular` | – | .079 | .079 | .079 | .079 | .08 |
    """
    head = ["model", "seeds", *(name.replace("recall", "Recall") for name in shown)]
    lines = [_row([name.replace("ndcg", "NDCG") for name in head]), _row(["---"] * len(head))]
    for model in table[::-1].to_dict("records"):
        seeds = str(model["seeds"]) if model["seeds"] > 1 else "–"
        cells = [cell(model, name, 2 if "coverage" in name else 3) for name in shown]
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
