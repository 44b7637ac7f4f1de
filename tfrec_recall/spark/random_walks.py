"""Random walks over a graph that no machine holds, all walkers a step at a time.

A step is a join of walkers and edges. It is by node and by an entry of the node's alias table,
drawn before: walkers at a node that many reach are spread over its entries, and no worker has to
serve all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tfrec_recall.spark.groups import whole_groups
from tfrec_recall.spark.item_graph import SOURCE, TARGET, WEIGHT
from tfrec_recall.spark.order import computed

NODE, START, WALK = "node", "start", "walk"
_EDGES_AT_A_TIME = 500_000
_SPREAD = 1_024  # places for walkers whose walk is over
_STEPS = 8  # of one plan; a longer one is computed in pieces


class RandomWalks:
    """Walks whose next node is drawn with probability proportional to the edge's weight.

    Source: `tfrec_recall.graph.RandomWalks`; other draws, by a hash of seed, walk and step, which
    are the same in each run.

    Args:
        graph: source, target (int) and weight above 0; an edge once.

    Attributes:
        table: of each node and entry of its alias table the threshold and the two nodes, with
            their degrees. Kept on the workers' disks until `release`.
    """

    def __init__(self, graph: DataFrame):
        bad = graph.where(~F.coalesce((F.col(WEIGHT) > 0) & (F.col(WEIGHT) < np.inf), F.lit(False)))
        some = bad.first()
        if some is not None:
            raise ValueError(f"Weights are finite and above 0. Received: {some.asDict()}.")
        self._degrees = graph.groupBy(SOURCE).agg(F.count(F.lit(1)).cast("int").alias("degree"))
        edges = graph.select(SOURCE, TARGET, F.col(WEIGHT).cast("double").alias(WEIGHT))
        edges = edges.repartition(SOURCE).sortWithinPartitions(SOURCE, TARGET)
        schema = f"{NODE} int, slot int, threshold double, own int, other int"
        table = edges.mapInArrow(_alias_entries, schema)
        for node in ("own", "other"):
            degree = self._degrees.select(
                F.col(SOURCE).alias(node), F.col("degree").alias(f"{node}_degree")
            )
            table = table.join(degree, node, "left")
        self.table = table.repartition(NODE, "slot").persist(StorageLevel.DISK_ONLY)

    def release(self) -> None:
        """Frees what the workers keep."""
        self.table.unpersist()

    def walk(
        self,
        starts: DataFrame,
        length: int,
        count: int = 1,
        restart: float = 0.0,
        seed: int = 0,
        period: int = 1,
    ) -> DataFrame:
        """`count` walks from each start, which each of them begins with.

        Args:
            starts: nodes in a column `node`, each once.
            length: steps.
            restart: the probability to go back to the start instead of a step.
            period: steps that such a decision is for: after 2, where edges join users and items.

        Returns: start, number (of the walk, from 0), walk: a list of length + 1 nodes. Where a node
            has no edge that leads on, the walk is over and -1 follows; with a restart it goes back
            to its start.
        """
        if length < 0 or period < 1 or not 0 <= restart < 1 or count < 1:
            raise ValueError(
                "length is 0 or more, period and count 1 or more, and restart a probability below "
                f"1. Received: {length=}, {period=}, {count=}, {restart=}."
            )
        degree = self._degrees.withColumnRenamed(SOURCE, NODE)
        start = starts.select(F.col(NODE).cast("int").alias(NODE)).join(degree, NODE, "left")
        walkers = start.select(
            F.col(NODE).alias(START),
            F.col("degree").alias("start_degree"),
            F.explode(F.sequence(F.lit(0), F.lit(count - 1))).alias("number"),
            NODE,
            F.coalesce("degree", F.lit(0)).alias("degree"),
            F.array(NODE).alias(WALK),
        ).withColumn("start_degree", F.coalesce("start_degree", F.lit(0)))
        for step in range(1, length + 1):
            walkers = self._step(walkers, step, restart if step % period == 0 else 0.0, seed)
            if step % _STEPS == 0 and step < length:
                walkers = computed(walkers, StorageLevel.DISK_ONLY)
        return walkers.select(START, "number", WALK)

    def _step(self, walkers: DataFrame, step: int, restart: float, seed: int) -> DataFrame:
        def lot(which: int) -> Column:
            """Even between 0 and 1."""
            bits = F.xxhash64(F.lit(seed), F.lit(step), F.lit(which), START, "number")
            return F.shiftrightunsigned(bits, 11) / F.lit(2.0**53)

        # Who is over has no entry to meet, and is spread evenly.
        over = F.floor(lot(0) * _SPREAD)
        entry = F.when(F.col("degree") > 0, F.floor(lot(0) * F.col("degree"))).otherwise(over)
        drawn = walkers.withColumn("slot", entry.cast("int"))
        met = drawn.join(self.table, [NODE, "slot"], "left")
        stays = lot(1) < F.col("threshold")
        node = F.when(stays, F.col("own")).otherwise(F.col("other"))
        degree = F.when(stays, F.col("own_degree")).otherwise(F.col("other_degree"))
        node, degree = F.coalesce(node, F.lit(-1)), F.coalesce(degree, F.lit(0))
        if restart:
            back = (lot(2) < restart) | (node == -1)
            node = F.when(back, F.col(START)).otherwise(node)
            degree = F.when(back, F.col("start_degree")).otherwise(degree)
        return met.select(
            START,
            "start_degree",
            "number",
            node.alias(NODE),
            degree.alias("degree"),
            F.array_append(WALK, node).alias(WALK),
        )


class ItemUserItemWalks:
    """Walks over a bipartite graph of which only the items are kept; a step is there and back.

    Source: `tfrec_recall.graph.ItemUserItemWalks`.

    Args:
        graph: as `bipartite_graph` makes it.
    """

    def __init__(self, graph: DataFrame):
        self.walks = RandomWalks(graph)

    def release(self) -> None:
        """Frees what the workers keep."""
        self.walks.release()

    def walk(
        self, starts: DataFrame, length: int, count: int = 1, restart: float = 0.0, seed: int = 0
    ) -> DataFrame:
        """As `RandomWalks.walk`, of items alone."""
        whole = self.walks.walk(starts, 2 * length, count, restart, seed, period=2)
        items = F.filter(WALK, lambda node, place: place % 2 == 0)
        return whole.withColumn(WALK, items)


def importance_neighbours(
    walks: RandomWalks | ItemUserItemWalks,
    starts: DataFrame,
    top: int,
    count: int = 100,
    length: int = 10,
    restart: float = 0.15,
    seed: int = 0,
) -> DataFrame:
    """Of each start, the `top` other nodes that its walks visit most.

    Source: `tfrec_recall.graph.importance_neighbours`.

    Args:
        starts: nodes in a column `node`, each once.
        top, count, length, restart, seed: as there.

    Returns: id, rank (from 1), neighbour, weight: its share of all visits to other nodes.
    """
    if top < 1 or length < 1:
        raise ValueError(f"top and length are at least 1. Received: {top=}, {length=}.")
    walked = walks.walk(starts, length, count, restart, seed)
    visits = walked.select(START, F.explode(F.slice(WALK, 2, length)).alias(NODE))
    others = visits.where((F.col(NODE) != F.col(START)) & (F.col(NODE) >= 0))
    counts = others.groupBy(START, NODE).count()
    own = Window.partitionBy(START)
    share = (F.col("count") / F.sum("count").over(own)).cast("float")
    best = own.orderBy(F.col("count").desc(), F.xxhash64(F.lit(seed), NODE))
    ranked = counts.withColumn("weight", share).withColumn("rank", F.row_number().over(best))
    ranked = ranked.where(F.col("rank") <= top)
    return ranked.select(F.col(START).alias("id"), "rank", F.col(NODE).alias("neighbour"), "weight")


def _alias_entries(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The alias tables of some whole nodes, an entry a row."""
    from tfrec_recall.graph.alias_tables import alias_tables

    for table, starts in whole_groups(batches, SOURCE, _EDGES_AT_A_TIME):
        node, target = table[SOURCE].to_numpy(), table[TARGET].to_numpy()
        bounds = np.append(starts, len(table))
        size = np.diff(bounds)
        column = np.arange(len(table)) - np.repeat(starts, size)
        shape = (len(starts), int(size.max()))
        matrix = sp.csr_array((table[WEIGHT].to_numpy(), column, bounds), shape=shape)
        found = alias_tables(matrix)
        columns = {
            NODE: node.astype("int32"),
            "slot": column.astype("int32"),
            "threshold": found.threshold.astype("float64"),
            "own": target.astype("int32"),
            "other": target[found.alias].astype("int32"),
        }
        yield pa.RecordBatch.from_pydict({name: pa.array(one) for name, one in columns.items()})
