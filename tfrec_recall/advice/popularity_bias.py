"""Lists that hold far more of what everybody takes than the users took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import Evidence

MORE = 0.25  # of all places, that frequent items have beyond their share of targets
ITEM_CF = "item-cf"  # whose alpha is of popular items; of other models it is something else
NOT_BELOW_0 = "airbnb-type"  # whose popularity ends there
IN_BATCH = "sampling-bias-corrected-two-tower"  # whose negatives are the batch's in any case
BLEND = "blend"
EVENLY, TOLD = [{"kind": "Uniform", "count": 1000}], '[{kind = "Uniform", count = 1000}]'


def popularity_bias(known: Evidence) -> Iterator[Advice]:
    """Frequent items, which hold half of the training events, fill a quarter more of the lists than
    of the targets."""
    if not known.exposure or known.facts is None:
        return
    groups = known.facts["items"]
    targets = sum(group["targets"] for group in groups)
    wanted, shown = groups[-1]["targets"] / max(1, targets), known.exposure[-1]
    if shown < wanted + MORE:
        return
    yield Advice(
        "popularity-biased",
        f"{groups[-1]['items']:,} frequent items have {shown:.0%} of the first 50 places, and "
        f"{wanted:.0%} of what users took.",
        f"Try {', or '.join(_ways(known))}.",
    )


def _ways(known: Evidence) -> list[str]:
    """Settings that list fewer popular items; of a softmax what did so among the ablations, in
    benchmarks/RESULTS.md: colder, against even negatives, without log q."""
    ways, settings = [], known.settings
    popularity: Any = settings.get("popularity")
    if _is_number(popularity) and (popularity > 0 or known.model != NOT_BELOW_0):
        ways.append(f"a smaller `popularity` (it is {popularity})")
    if known.model == ITEM_CF and known.has("alpha"):
        ways.append(f"a larger `alpha` (it is {settings['alpha']})")
    if known.has("negatives") and known.has("correct"):  # of a softmax
        if _is_number(settings.get("temperature")):
            ways.append(f"a smaller `temperature` (it is {settings['temperature']})")
        if known.model != IN_BATCH and settings["negatives"] != EVENLY:
            now = settings["negatives"]
            ways.append(f"`negatives = {TOLD}`, drawn evenly alone (it is {now})")
        if settings["correct"]:
            ways.append("`correct = false`, which costs recall")
    if known.model == BLEND:
        ways.append("more weight for the channels that list less of them, `blend --weights`")
    return ways or [
        "a model that knows more of its users, as "
        f"`compare --models popular,item-cf,two-tower,{known.model}` shows it beside this one"
    ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
