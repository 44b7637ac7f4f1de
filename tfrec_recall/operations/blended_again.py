"""A blend over other items: its channels are, and their weights stay."""

from __future__ import annotations

import pathlib
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tfrec_recall.data.notices import tell
from tfrec_recall.export import LoadedRetriever, load
from tfrec_recall.export.version_files import training_in
from tfrec_recall.operations.new_catalogue import listable
from tfrec_recall.retrieval import Blend, Quotas, ReciprocalRank, Retriever, WeightedScores

MERGINGS: Mapping[str, Any] = {
    one.__name__: one for one in (WeightedScores, ReciprocalRank, Quotas)
}
Made = Callable[[LoadedRetriever, pd.DataFrame], Retriever]


def is_blend(retriever: LoadedRetriever) -> bool:
    """Whether an export is a blend of others."""
    return bool(retriever.report.get("kind") == "blend")


def channels_of(blend: LoadedRetriever) -> dict[str, LoadedRetriever]:
    """The exports that a blend was made of, by the names of its channels.

    Raises: ValueError where its card does not tell, or where they are not there any more.
    """
    told = (training_in(blend.card).get("settings") or {}).get("exports") or {}
    names = list(blend.report.get("channels") or {})
    if set(told) != set(names):
        raise _refused(
            blend,
            "its card does not tell of which exports it was made, as that of `tfrec-recall blend` "
            f"does. Received: channels {names}, exports {told}.",
        )
    found = {}
    for name in names:
        path = pathlib.Path(told[name])
        if not path.exists():
            raise _refused(blend, f"channel {name} is not there any more. Received: {path}.")
        found[name] = load(path)
        created = [str(one.card.get("created") or "") for one in (found[name], blend)]
        if created[0] > created[1]:
            raise _refused(
                blend,
                f"channel {name} was written anew since. Received: {path}, of {created[0]}; the "
                f"blend is of {created[1]}.",
            )
    return found


def blended_again(blend: LoadedRetriever, items: pd.DataFrame, made: Made, k: int) -> Blend:
    """The blend of its channels over other items, with its weights and its merging.

    Each channel lists those of the items that it can; which cannot list some new ones is told.

    Args:
        items: the whole catalogue, by ids as the export has them.
        made: makes a channel's retriever over some items.
        k: the length of the lists.

    Raises: ValueError as of `channels_of`; where a channel has none of the items or is spread over
        categories; and for new items that no channel can list.
    """
    each: dict[str, Retriever] = {}
    for name, channel in channels_of(blend).items():
        own = _listed_by(channel, items)
        if own.empty:
            raise _refused(blend, f"channel {name} has none of these items: leave it out.")
        if "diversity" in channel.report:
            raise _refused(
                blend,
                f"the lists of channel {name} are spread over categories, which only a reindex of "
                f"it alone can be told anew. Received: {channel.path}.",
            )
        each[name] = made(channel, own)
        if len(own) < len(items):
            tell(f"{name} lists {len(own):,} of {len(items):,} items: it cannot embed new ones.")
    listed = np.concatenate([one.item_ids for one in each.values()])
    new = items.loc[~items["item_id"].isin(listed), "item_id"].tolist()
    if new:
        raise ValueError(
            "New items are listed by channels that embed them, and this blend has none: each knows "
            "items by what training saw of them. Train them again, and blend them with the same "
            f"weights: {_command(blend)}. "
            f"Received: {len(new)} new items, the first are {new[:3]}."
        )
    merging = dict(blend.report["merging"])
    way = MERGINGS[merging.pop("by")]
    return Blend(each, way(**merging), k=k, depth=blend.report["depth"])


def _listed_by(channel: LoadedRetriever, items: pd.DataFrame) -> pd.DataFrame:
    """Those of the items that a channel can list, which may be a blend itself."""
    if not is_blend(channel):
        there = listable(channel)
        return items if there is None else items[items["item_id"].isin(there)]
    parts = [_listed_by(one, items)["item_id"] for one in channels_of(channel).values()]
    return items[items["item_id"].isin(pd.concat(parts))]


def _refused(blend: LoadedRetriever, why: str) -> ValueError:
    return ValueError(
        f"A blend gets other items by those of its channels. Reindex or train what is there, and "
        f"blend it with the same weights, {_command(blend)}: {why}"
    )


def _command(blend: LoadedRetriever) -> str:
    weights = (blend.report.get("merging") or {}).get("weights") or {}
    each = (shlex.quote(f"{name}={weight}") for name, weight in weights.items())
    given = " ".join(f"--weight {one}" for one in each)
    return f"tfrec-recall blend EXPORT… {given}"
