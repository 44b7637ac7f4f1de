"""Several retrievers as one that is measured and served like any other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.arguments import whole
from tfrec_recall.data.kinds import require_kind
from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.filters import chosen
from tfrec_recall.retrieval.giving_way import GivingWay
from tfrec_recall.retrieval.merging import Merging, WeightedScores
from tfrec_recall.retrieval.popularity import Popularity, told_apart_by_floats, whole_numbers
from tfrec_recall.retrieval.request_rows import as_often, check_length
from tfrec_recall.retrieval.retriever import Retriever
from tfrec_recall.retrieval.selection import NO_ROW


class Blend(Retriever):
    """Every channel is asked, and their lists are merged into one.

    Requests send what any of the channels takes, once by name. What is left out, and what the
    filters ask that all channels have, holds for every channel. Popular items that fill the list of
    a channel are no evidence: they come behind what any channel has evidence for. Whole numbers
    that say a user's segment come as floats where another channel takes a number so. Users whom
    only a channel knows that lists the same for everybody get what is popular in their segment,
    where another channel has that.

    Args:
        channels: retrievers by name, in this process or loaded from disk, over any items of one
            type of ids.
        merging: `WeightedScores`, `ReciprocalRank` or `Quotas`; by default equal `WeightedScores`.
        k: the length of a list where a call does not say.
        depth: how many items each channel is asked for, at least as many as a list has; by default
            k.
        seed: of the permutation that orders items of equal score.

    Raises: ValueError where channels take one name in two types, or have ids of two types.
    """

    channels: dict[str, Retriever]

    def __init__(
        self,
        channels: Mapping[str, Retriever],
        merging: Merging | None = None,
        k: int = 100,
        depth: int | None = None,
        seed: int = 0,
    ):
        if len(channels) < 2:
            raise ValueError(f"A blend is of two channels or more. Received: {list(channels)}.")
        for name, channel in channels.items():
            require_kind("Blend", name, channel, ("Retriever",))
        check_length(k)
        whole("Blend", depth, "depth", optional=True)
        if depth is not None and depth < k:
            raise ValueError(f"Channels are asked for k items or more. Received: {depth=}, {k=}.")
        merging = (merging or WeightedScores()).for_channels(tuple(channels))
        depth = k if depth is None else depth
        catalogue = Catalogue(_all_items(channels), seed)
        super().__init__(
            item_ids=catalogue.ids,
            inputs=_united(_taken(channels)),
            k=k,
            signatures=("recommend_with_channel",),
            report={
                "kind": "blend",
                "merging": merging.report,
                "depth": depth,
                "channels": {name: one.report for name, one in channels.items()},
            },
            name="blend",
        )
        self.catalogue, self.merging, self.depth = catalogue, merging, depth
        self.channels = dict(channels)
        self.fallback = None  # every channel fills its own list
        self._take_filters()

    def with_filters(self, items: pd.DataFrame, names: Sequence[str]) -> Self:
        """Itself, and from now on requests may choose items by these columns, in every channel."""
        for channel in self.channels.values():
            channel.with_filters(items[items["item_id"].isin(channel.item_ids)], names)
        self._take_filters()
        return self

    def with_fallback(self, popularity: Any) -> Self:
        """Itself; from now on these popular items fill the lists of every channel."""
        for channel in self.channels.values():
            channel.with_fallback(popularity)
        object.__setattr__(self, "inputs", _united(_taken(self.channels)))
        self._set_functions()
        return self

    def lists(self, queries, exclude, k, filters):
        rows, scores = self._asked(queries, exclude, k, filters)
        found, score = self.merging.merged(rows, scores, k)
        evident = tf.reduce_sum(tf.cast(score >= 0, tf.int32), axis=1)
        return self.catalogue.raw(found), score, evident

    def lists_by_channel(self, queries, exclude, k, filters):
        rows, scores = self._asked(queries, exclude, k, filters)
        found, score = self.merging.merged(rows, scores, k)
        return self.catalogue.raw(found), score, self._channel_of(found, rows, scores)

    def _asked(self, queries, exclude, k, filters) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """The lists of all channels, rows of this catalogue and scores [batch, depth] each.

        What fills a list has no score, -inf.
        """
        depth = tf.maximum(k, self.depth)
        rows, scores = [], []
        for channel in self.channels.values():
            own = {name: _as_taken(queries[name], spec) for name, spec in channel.inputs.items()}
            wanted = {**chosen({}, channel.filter_inputs), **filters} if filters else {}
            wanted = {name: as_often(value, queries) for name, value in wanted.items()}
            ids, score, evident = channel.lists(own, exclude, depth, wanted)
            rows.append(self.catalogue.rows(ids))
            within = tf.range(depth) < evident[:, tf.newaxis]
            scores.append(tf.where(within, score, float("-inf")))
        return GivingWay.of(self.channels.values()).asked(rows, scores)

    def _channel_of(self, found, rows, scores) -> tf.Tensor:
        """The name of the channel that gave each item most, [batch, k]; "" where none did."""
        given = []
        for own, score, worth in zip(rows, scores, self.merging.worths(scores), strict=True):
            evident = tf.where(score > float("-inf"), own, NO_ROW)
            order = tf.argsort(evident, axis=1)
            listed = tf.gather(evident, order, batch_dims=1)
            place = tf.minimum(tf.searchsorted(listed, found), tf.shape(listed)[1] - 1)
            there = tf.gather(listed, place, batch_dims=1) == found
            worth = tf.gather(worth, tf.gather(order, place, batch_dims=1), batch_dims=1)
            given.append(tf.where(there, worth, float("-inf")))  # [batch, k]
        most = tf.stack(given, axis=2)  # [batch, k, channels]
        nobody = (found == NO_ROW) | (tf.reduce_max(most, axis=2) == float("-inf"))
        which = tf.where(nobody, len(self.channels), tf.argmax(most, 2, tf.int32))
        return tf.gather(tf.constant([*self.channels, ""]), which)

    def _take_filters(self) -> None:
        """Offers the filters that all channels have, and warns of others."""
        each = [channel.filter_inputs for channel in self.channels.values()]
        every = _united({name: one.filter_inputs for name, one in self.channels.items()})
        shared = {name: spec for name, spec in every.items() if all(name in one for one in each)}
        lost = sorted(set(every) - set(shared))
        self.report.pop("filters_lost", None)  # those of filters before
        if lost:
            self.report["filters_lost"] = lost
            warnings.warn(
                "A blend offers the filters that all of its channels have. Some channel lacks "
                f"{', '.join(lost)}: export it with these filters, or do without them.",
                stacklevel=3,
            )
        object.__setattr__(self, "filter_inputs", shared)
        self._set_functions()


def _all_items(channels: Mapping[str, Retriever]) -> np.ndarray:
    """The ids of all items, in the order that they are met in."""
    dtypes = {name: channel.id_dtype for name, channel in channels.items()}
    if len(set(dtypes.values())) > 1:
        told = ", ".join(f"{name}: {dtype.name}" for name, dtype in dtypes.items())
        raise ValueError(f"The channels of a blend have ids of one type. Received: {told}.")
    return np.asarray(pd.unique(np.concatenate([one.item_ids for one in channels.values()])))


def _taken(channels: Mapping[str, Retriever]) -> dict[str, dict[str, tf.TensorSpec]]:
    """The inputs of channels; the whole numbers of a segment as floats where others take these."""
    inputs = {channel: dict(one.inputs) for channel, one in channels.items()}
    floats = {
        name: spec
        for specs in inputs.values()
        for name, spec in specs.items()
        if spec.dtype.is_floating and spec.shape.rank == 1
    }
    for channel, one in channels.items():
        by = _small_numbers(one.popularity)
        if by in floats and inputs[channel][by].dtype.is_integer:
            inputs[channel][by] = floats[by]
    return inputs


def _small_numbers(popularity: Popularity | None) -> str | None:
    """The feature that says segments by whole numbers which floats tell apart, if there is one."""
    if popularity is None or popularity.in_segments is None:
        return None
    return str(popularity.by) if told_apart_by_floats(popularity.in_segments["segment"]) else None


def _as_taken(value: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    """What a request says as a channel takes it."""
    return whole_numbers(value) if spec.dtype.is_integer and value.dtype.is_floating else value


def _united(inputs: Mapping[str, Mapping[str, tf.TensorSpec]]) -> dict[str, tf.TensorSpec]:
    """All inputs by name; ValueError where two channels take one of another type or shape."""
    found: dict[str, tf.TensorSpec] = {}
    first: dict[str, str] = {}
    for channel, specs in inputs.items():
        for name, spec in specs.items():
            there = found.setdefault(name, spec)
            first.setdefault(name, channel)
            if (there.dtype, there.shape.as_list()) != (spec.dtype, spec.shape.as_list()):
                raise ValueError(
                    f"The channels of a blend take {name!r} alike, or by two names: rename it in "
                    f"one. Received: {first[name]} takes {there.dtype.name} "
                    f"{there.shape.as_list()}, {channel} {spec.dtype.name} {spec.shape.as_list()}."
                )
    return found
