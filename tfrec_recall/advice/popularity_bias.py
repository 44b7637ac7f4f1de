"""Lists that hold far more of what everybody takes than the users took."""

from __future__ import annotations

from collections.abc import Iterator

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import Evidence

ITEM_CF = "item-cf"  # whose alpha is of popular items; of other models it is something else
MORE = 0.25  # of all places, that frequent items have beyond their share of targets


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
    ways, settings = [], known.settings
    if settings.get("correct") is False:
        ways.append("`correct = true`, which takes log q off")
    if settings.get("popularity"):
        ways.append(f"a smaller `popularity` (it is {settings['popularity']})")
    if known.model == ITEM_CF and known.has("alpha"):
        ways.append(f"a larger `alpha` (it is {settings['alpha']})")
    if known.has("negatives") and known.has("correct"):  # they are kinds, or a number
        ways.append(
            "in Python, negatives by popularity, `negatives=[InBatch(), Popularity(1000)]` (it is "
            f"{settings['negatives']})"
        )
    yield Advice(
        "popularity-biased",
        f"{groups[-1]['items']:,} frequent items have {shown:.0%} of the first 50 places, and "
        f"{wanted:.0%} of what users took.",
        f"Try {', or '.join(ways) or 'a model that knows more of its users than this one'}.",
    )
