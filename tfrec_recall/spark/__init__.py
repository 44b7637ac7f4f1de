"""The work of `data` and `graph` on Spark, for logs that no machine holds: the same results.

Functions have the names and arguments that they have there, and take and give Spark's frames
instead of pandas': each is a plan that runs when its result is written. What they write are the
folders that `tfrec_recall.data` reads. Beside them, `recommendations` asks an export on all
workers. It needs the extra `[spark]`: PySpark 4, and Java 17.
"""

import importlib.util
from typing import TYPE_CHECKING

from tfrec_recall._on_demand import on_demand

if importlib.util.find_spec("pyspark") is None:
    raise ImportError(
        "tfrec_recall.spark needs PySpark 4 and Java 17: pip install 'tfrec-recall[spark]'."
    )

if TYPE_CHECKING:
    from tfrec_recall.spark.examples import next_basket, next_item
    from tfrec_recall.spark.held_out import held_out
    from tfrec_recall.spark.interactions import SparkInteractions
    from tfrec_recall.spark.item_graph import basket_graph, bipartite_graph, item_graph
    from tfrec_recall.spark.lists import recommendations
    from tfrec_recall.spark.nearby import nearby_neighbours
    from tfrec_recall.spark.order import chronological
    from tfrec_recall.spark.parted import write_parts
    from tfrec_recall.spark.random_walks import (
        ItemUserItemWalks,
        RandomWalks,
        importance_neighbours,
    )
    from tfrec_recall.spark.sessions import sessions
    from tfrec_recall.spark.similarity import interaction_matrix, neighbours
    from tfrec_recall.spark.split_parts import SparkPart, SparkSplit
    from tfrec_recall.spark.splits import (
        given,
        has_baskets,
        hold_out_users,
        last_basket_out,
        last_events_out,
        random_events_out,
        standard,
        temporal,
    )
    from tfrec_recall.spark.vocabulary import counts, encode, save_vocabulary, vocabulary
else:
    on_demand(__name__)

__all__ = [
    "ItemUserItemWalks",
    "RandomWalks",
    "SparkInteractions",
    "SparkPart",
    "SparkSplit",
    "basket_graph",
    "bipartite_graph",
    "chronological",
    "counts",
    "encode",
    "given",
    "has_baskets",
    "held_out",
    "hold_out_users",
    "importance_neighbours",
    "interaction_matrix",
    "item_graph",
    "last_basket_out",
    "last_events_out",
    "nearby_neighbours",
    "neighbours",
    "next_basket",
    "next_item",
    "random_events_out",
    "recommendations",
    "save_vocabulary",
    "sessions",
    "standard",
    "temporal",
    "vocabulary",
    "write_parts",
]
