"""What goes along with `fit`: checkpoints of long runs, and the way back from a cluster."""

from tfrec_recall._keras import require_keras_2

require_keras_2("tfrec_recall.training")

from tfrec_recall.training.checkpoints import Checkpoints, Preempted, RunIsOver  # noqa: E402
from tfrec_recall.training.one_device import on_one_device  # noqa: E402
from tfrec_recall.training.rate_drops import RateDrops  # noqa: E402
from tfrec_recall.training.run_state import is_over  # noqa: E402

__all__ = ["Checkpoints", "Preempted", "RateDrops", "RunIsOver", "is_over", "on_one_device"]
