"""Full-ranking evaluation of any retriever, in this process or loaded from disk.

A report has the means over users, the interval of each, and what two models differ by::

    report = evaluate(retriever, split, on="test")
    print(report)
    report.interval("recall@50")
    compare({"popular": yardstick, "two-tower": report})
    evaluate_ratings(retriever, split)  # RMSE and MAE, for models of ratings
"""

from typing import TYPE_CHECKING

from tfrec_recall._on_demand import on_demand

if TYPE_CHECKING:
    from tfrec_recall.evaluation.callbacks import RecallOnValidation
    from tfrec_recall.evaluation.evaluate import evaluate
    from tfrec_recall.evaluation.plots import (
        plot_cuts,
        plot_exposure,
        plot_history,
        plot_popularity,
    )
    from tfrec_recall.evaluation.queries import Queries
    from tfrec_recall.evaluation.rating_callback import RatingsOnValidation
    from tfrec_recall.evaluation.ratings import RatingReport, evaluate_ratings
    from tfrec_recall.evaluation.report import Report, compare
    from tfrec_recall.evaluation.tuning_queries import tuning_queries
else:
    on_demand(__name__)

__all__ = [
    "Queries",
    "RatingReport",
    "RatingsOnValidation",
    "RecallOnValidation",
    "Report",
    "compare",
    "evaluate",
    "evaluate_ratings",
    "plot_cuts",
    "plot_exposure",
    "plot_history",
    "plot_popularity",
    "tuning_queries",
]
