"""ScaNN's TensorFlow ops as a module that is saved and restored like any other."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import uuid
import weakref
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import tensorflow as tf
from scann.scann_ops.py import scann_ops

from tfrec_recall.retrieval.exact import exact_search, gather_or_zeros
from tfrec_recall.retrieval.filters import Allowed
from tfrec_recall.retrieval.searcher_release import SearcherRelease

ANISOTROPIC_THRESHOLD = 0.2  # of "Accelerating Large-Scale Inference with Anisotropic ...", 2020
POINTS_A_LEAF = 128  # for k-means; twice as many find nothing more at 100,000 items
POINTS_TO_HASH = 20_000  # for the codebooks; five times as many find nothing more
PARTS = (  # what ScaNN's operations are given
    *("dataset", "scann_config", "serialized_partitioner", "datapoint_to_token", "ah_codebook"),
    *("hashed_dataset", "int8_dataset", "int8_multipliers", "dp_norms"),
)


class ScannSearcher(tf.Module):
    """Approximate candidates for query vectors: a tree of leaves, hashed vectors, exact reordering.

    The searcher itself is a resource that the graph makes from the variables here when it first
    needs it, under a name of its own: two searchers of one name would answer for each other. The
    resource goes with this object; a graph that still needs it makes it again.

    Args:
        vectors: float32 [items, dim].
        leaves: of the tree; None for no tree and no hashing, every vector is scored.
        parallel: search the queries of a batch on all cores.

    Attributes:
        vectors: the variable that holds the vectors, [items, dim].
        leaves: how many there are, 1 where there is no tree.
    """

    def __init__(self, vectors: np.ndarray, leaves: int | None, parallel: bool = True):
        super().__init__(name="scann_searcher")
        self._hold(_built(vectors, leaves), leaves or 1, parallel)

    @classmethod
    def of_parts(
        cls, parts: Mapping[str, np.ndarray], leaves: int, parallel: bool = True
    ) -> ScannSearcher:
        """A searcher of what another one holds, or of what `changed_parts` makes of it."""
        searcher = cls.__new__(cls)
        tf.Module.__init__(searcher, name="scann_searcher")
        searcher._hold(ScannState(parts), leaves, parallel)
        return searcher

    @property
    def parts(self) -> dict[str, tf.Variable]:
        """What ScaNN's operations are given, by their names for it; nothing without a tree."""
        if self.leaves == 1:
            return {}
        return {name: getattr(self._state, name) for name in PARTS}

    def _hold(self, state: tf.Module, leaves: int, parallel: bool) -> None:
        self._state = state
        self.vectors = state.dataset
        self.leaves = leaves
        self._parallel = parallel
        self._shared_name = f"tfrec_recall-{uuid.uuid4()}"
        self._made: tf.Tensor | None = None
        with tf.init_scope():
            handle = self._handle()
        weakref.finalize(self, _release, handle).atexit = False
        self._in_saved_models = SearcherRelease(partial(_free, self._shared_name))

    @property
    def size(self) -> tuple[int, int]:
        return tuple(self.vectors.shape)

    def search(
        self,
        query: tf.Tensor,
        k: tf.Tensor | int,
        exclude: tf.Tensor,
        present: tf.Tensor | None,
        allowed: Allowed | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return exact_search(self.vectors, query, k, exclude, present, allowed)

    def vectors_of(self, rows: tf.Tensor) -> tf.Tensor:
        return gather_or_zeros(self.vectors, rows)

    def candidates(
        self,
        query: tf.Tensor,
        count: tf.Tensor | int,
        reorder: tf.Tensor | int,
        leaves_to_search: tf.Tensor | int,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `tuning.Searcher.candidates`; hashed vectors are the compressed ones."""
        rows, scores = self._found(query, count, reorder, leaves_to_search)
        # ScaNN fills up with row 0 and a score that is no number: the row becomes -1, for none.
        return rows - tf.cast(tf.math.is_nan(scores), tf.int32), scores

    @property
    def takes_no_queries(self) -> bool:
        """As `tuning.Searcher.takes_no_queries`: ScaNN on one core refuses a batch of none."""
        return self._parallel

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """As `tuning.Searcher.ready`: one resource for all, instead of nine variables for each."""
        if tf.executing_eagerly():
            yield
            return
        before, self._made = self._made, self._handle()
        try:
            yield
        finally:
            self._made = before

    def at_once(self, query, k, reorder, leaves_to_search) -> tuple[tf.Tensor, ...]:
        """As `tuning.Searcher.at_once`."""
        rows, scores = self._found(query, k, reorder, leaves_to_search)
        return rows, scores, ~tf.reduce_any(tf.math.is_nan(scores))

    def _found(self, query, count, reorder, leaves_to_search) -> tuple[tf.Tensor, tf.Tensor]:
        searcher = scann_ops.ScannSearcher(self._handle())
        search = searcher.search_batched_parallel if self._parallel else searcher.search_batched
        found = search(query, count, reorder, leaves_to_search)
        for part in (found.indices, found.distances):
            part.set_shape([None, None])
        return found.indices, found.distances

    def _handle(self) -> tf.Tensor:
        if self._made is not None and _is_seen(self._made):
            return self._made
        parts = [getattr(self._state, name) for name in PARTS]
        return scann_ops.tensors_to_scann(*parts, shared_name=self._shared_name)


def _is_seen(tensor: tf.Tensor) -> bool:
    """Whether a tensor is of the graph that is being made, or of one around it."""
    graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
    while graph is not None and graph is not tensor.graph:
        graph = getattr(graph, "outer_graph", None)
    return graph is not None


class ScannState(tf.Module):
    """What ScaNN's operations are given, as variables."""

    def __init__(self, parts: Mapping[str, np.ndarray]):
        super().__init__(name="scann_state")
        for name in PARTS:
            setattr(self, name, tf.Variable(parts[name], trainable=False, name=name))


def _built(vectors: np.ndarray, leaves: int | None) -> tf.Module:
    """What the operations are given to search these vectors."""
    builder = scann_ops.builder(vectors, 1, "dot_product")
    if leaves is None:
        builder = builder.score_brute_force()
    else:
        builder = builder.tree(
            leaves,
            leaves,
            training_sample_size=min(len(vectors), POINTS_A_LEAF * leaves),
            random_init=False,  # k-means++, which gives the same tree each time
        )
        builder = builder.score_ah(
            2,
            anisotropic_quantization_threshold=ANISOTROPIC_THRESHOLD,
            training_sample_size=min(len(vectors), POINTS_TO_HASH),
        )
        builder = builder.reorder(1)
    with _without_notices():
        built = builder.build()
    state = built.serialize_to_module()
    _release(built.searcher_handle)
    return state


def held(name: str) -> tf.Tensor:
    """The searcher that the process holds by this name; where it does, nothing else is looked at.

    Raises: tf.errors.OpError where there is none, as nothing makes no searcher.
    """
    text, numbers = tf.constant(""), tf.zeros([0])
    return scann_ops.tensors_to_scann(
        x=tf.zeros([0, 0]),
        scann_config=text,
        serialized_partitioner=text,
        datapoint_to_token=tf.zeros([0], tf.int32),
        ah_codebook=text,
        hashed_dataset=tf.zeros([0, 0], tf.uint8),
        int8_dataset=tf.zeros([0, 0], tf.int8),
        int8_multipliers=numbers,
        dp_norms=numbers,
        shared_name=name,
    )


def _free(name: str) -> None:
    tf.raw_ops.DestroyResourceOp(resource=held(name), ignore_lookup_error=True)


def _release(handle: tf.Tensor) -> None:
    """Frees a resource now: also when garbage is collected while some graph is being built."""
    with tf.__internal__.eager_context.eager_mode():
        tf.raw_ops.DestroyResourceOp(resource=handle, ignore_lookup_error=True)


@contextlib.contextmanager
def _without_notices() -> Iterator[None]:
    """Drops what ScaNN's C++ says about its progress and its clusters; errors pass.

    The level that TensorFlow's own messages obey does not reach it.
    """
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
            said.seek(0)
            for line in said:
                if not re.match(rb"[IW]\d{4} |WARNING: All log messages before", line):
                    os.write(2, line)
