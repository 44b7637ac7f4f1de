"""What a feature is, and how it is encoded, embedded and served."""

from tfrec_recall.features.batches import example_batches
from tfrec_recall.features.columns import (
    Categorical,
    Feature,
    History,
    MultiValued,
    Numeric,
    TimeOf,
    Vector,
    Words,
)
from tfrec_recall.features.encoder import FeatureEncoder, Field, ItemTable
from tfrec_recall.features.field_sum import FieldSum
from tfrec_recall.features.inference import Wanted, ids_alone, infer
from tfrec_recall.features.item_embedding import ItemEmbedding
from tfrec_recall.features.known import KnownItems, OfKnown, met
from tfrec_recall.features.known_first import KnownFirst
from tfrec_recall.features.objective import Objective, label_of, meetings, objectives_of
from tfrec_recall.features.pass_batches import pass_batches
from tfrec_recall.features.rows import Origin, Rows, Start
from tfrec_recall.features.serving import RawItem, RawQuery
from tfrec_recall.features.session_split import SessionSplit
from tfrec_recall.features.specification import Features, LeftOut

__all__ = [
    "Categorical",
    "Feature",
    "FeatureEncoder",
    "Features",
    "Field",
    "FieldSum",
    "History",
    "ItemEmbedding",
    "ItemTable",
    "KnownFirst",
    "KnownItems",
    "LeftOut",
    "MultiValued",
    "Numeric",
    "Objective",
    "OfKnown",
    "Origin",
    "RawItem",
    "RawQuery",
    "Rows",
    "SessionSplit",
    "Start",
    "TimeOf",
    "Vector",
    "Wanted",
    "Words",
    "example_batches",
    "ids_alone",
    "infer",
    "label_of",
    "meetings",
    "met",
    "objectives_of",
    "pass_batches",
]
