"""Search of settings: what may be tried of each, and a study that goes on where it stopped.

More is better; `tfrec-recall tune` trains what it draws::

    space = Space.of({"dim": 64, "dropout": 0.2, "normalize": True})  # of defaults, dim and dropout
    study = Study(folder, space, made_of="data, model and seed, in a text")
    study.add_defaults(0.181, seconds=60.0, curve=[0.15, 0.181])
    trial = study.next()
    study.tell(trial, value_of(study.settings(trial)), seconds=60.0)
    print(study.best.settings)

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
