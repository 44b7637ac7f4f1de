"""Optimizers whose step costs what the batch touches, for tables of many rows.

`LazyAdam` is Adam, row by row. `RowWiseAdagrad` keeps one number a row, where memory counts.
"""

from tfrec_recall._keras import require_keras_2

require_keras_2("tfrec_recall.optimizers")

from tfrec_recall.optimizers.lazy_adam import LazyAdam  # noqa: E402
from tfrec_recall.optimizers.row_wise_adagrad import RowWiseAdagrad  # noqa: E402

__all__ = ["LazyAdam", "RowWiseAdagrad"]
