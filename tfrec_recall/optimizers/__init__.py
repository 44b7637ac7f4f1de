"""Optimizers for tables of many rows.

`FusedAdam` is Keras' Adam, which moves all rows, in one operation. The step of the others costs
what the batch touches: `LazyAdam` is Adam, row by row. `RowWiseAdagrad` keeps one number a row,
where memory counts.
"""

from tfrec_recall._keras import require_keras_2

require_keras_2("tfrec_recall.optimizers")

from tfrec_recall.optimizers.fused_adam import FusedAdam  # noqa: E402
from tfrec_recall.optimizers.lazy_adam import LazyAdam  # noqa: E402
from tfrec_recall.optimizers.row_wise_adagrad import RowWiseAdagrad  # noqa: E402

__all__ = ["FusedAdam", "LazyAdam", "RowWiseAdagrad"]
