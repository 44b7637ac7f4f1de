"""Many models on one split, a run at a time, and what they say side by side.

`figures` are what a run keeps of a retriever; `tfrec-recall compare` writes them beside what its
training took, and all else is made of the runs that it left::

    found = figures(retriever, split)  # of any retriever
    print(found["metrics"]["recall@50"], found["intervals"]["recall@50"])
    runs = Runs("report/runs").read()
    summary = summarised(runs, facts(split, titles), ["popular", "two-tower"])
    print(leaderboard(summary))
    text = page(summary, titles)  # one HTML file, which asks nobody for anything

`titles` are what items are called, by raw id. Knows retrievers and their figures, never a model
class.
"""

from typing import TYPE_CHECKING

from tfrec_recall._on_demand import on_demand

if TYPE_CHECKING:
    from tfrec_recall.comparison.facts import facts
    from tfrec_recall.comparison.figures import figures
    from tfrec_recall.comparison.groups import ItemGroups
    from tfrec_recall.comparison.page import page
    from tfrec_recall.comparison.runs import Run, Runs
    from tfrec_recall.comparison.schedule import Round, schedule
    from tfrec_recall.comparison.shown import Shown
    from tfrec_recall.comparison.summary import summarised
    from tfrec_recall.comparison.tables import leaderboard
else:
    on_demand(__name__)

__all__ = [
    "ItemGroups",
    "Round",
    "Run",
    "Runs",
    "Shown",
    "facts",
    "figures",
    "leaderboard",
    "page",
    "schedule",
    "summarised",
]
