"""Search of settings: what may be tried of each, and a study that goes on where it stopped.

Knows numbers and files, never a model.
"""

from typing import TYPE_CHECKING

from tfrec_recall._on_demand import on_demand

if TYPE_CHECKING:
    from tfrec_recall.search.space import RANGES, Space
    from tfrec_recall.search.study import Study, Tried
else:
    on_demand(__name__)

__all__ = ["RANGES", "Space", "Study", "Tried"]
