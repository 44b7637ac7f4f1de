"""What an export offers besides lists: attributes to choose by, and what fills short lists."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tfrec_recall.data import Interactions, Split
    from tfrec_recall.models import RecallModel
    from tfrec_recall.retrieval import Retriever

PANEL = "Serving"
WAYS = ("where", "where_not", "min", "max")  # of what a request names beside a column


@dataclasses.dataclass(frozen=True)
class Served:
    """The choices of a command line.

    Args:
        filterable: columns of the items that requests may choose by.
        popular_by: the column of the users whose values have popular items of their own.
        half_life: in days, of what an event counts for popularity.
    """

    filterable: tuple[str, ...] = ()
    popular_by: str | None = None
    half_life: float | None = None

    def check(self, interactions: Interactions, model: type[RecallModel]) -> None:
        """Raises ValueError, before the work for them is done, for columns that are not there, that
        hold what nothing chooses by, that requests would have under a name of the users' columns,
        or that make no segments; and for what fills the lists of a model whose lists nothing fills.
        """
        from tfrec_recall.retrieval.filters import ItemFilters
        from tfrec_recall.retrieval.popularity import segments

        self._check_filled(model)
        lacking = [name for name in self.filterable if name not in interactions.items]
        if lacking:
            raise ValueError(
                "--filterable names columns of the items. Received: "
                f"{', '.join(lacking)}; there are {', '.join(map(str, interactions.items))}."
            )
        wishes = {f"{way}_{name}": name for name in self.filterable for way in WAYS}
        for name in interactions.users:
            if name in wishes:
                raise ValueError(
                    f"Users have a column {name!r}, by which requests choose items of some "
                    f"{wishes[name]!r}: rename it (--rename users.{name}=…), or leave "
                    f"{wishes[name]} out of --filterable."
                )
        if self.filterable:
            ItemFilters(interactions.items, self.filterable)  # which refuses what it cannot hold
        if self.popular_by is not None and self.popular_by not in interactions.users:
            raise ValueError(
                f"--popular-by is a column of the users. Received: {self.popular_by}; there are "
                f"{', '.join(map(str, interactions.users))}."
            )
        if self.popular_by is not None:
            segments(interactions.users[self.popular_by])
        if self.half_life is not None:
            interactions.require_time("--popular-half-life")

    def _check_filled(self, model: type[RecallModel]) -> None:
        given = {"--popular-by": self.popular_by, "--popular-half-life": self.half_life}
        told = [f"{name} {value}" for name, value in given.items() if value is not None]
        if told and not model.lists_are_filled:
            raise ValueError(
                "--popular-by and --popular-half-life say what fills lists that are short, and "
                f"{model.__name__} lists what is popular of all for everybody: leave them out, or "
                "train another model with them. An age at which its events count half is its "
                f"setting half_life_days (--settings). Received: {', '.join(told)}."
            )

    def offered_by(self, retriever: Retriever, split: Split) -> Retriever:
        """The same retriever, which offers it."""
        from tfrec_recall.retrieval import Popularity

        if self.popular_by is not None or self.half_life is not None:
            popularity = Popularity.of(split.train, self.popular_by, self.half_life)
            retriever.with_fallback(popularity)
        if self.filterable:
            retriever.with_filters(split.interactions.items, self.filterable)
        return retriever


def served(
    filterable: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMNS",
            help="Columns of the items that requests may choose by: category,price. Text, numbers, "
            "or lists; in requests where_category, where_not_category, min_price, max_price.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    popular_by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of the users, text, whole numbers, or yes and no: those of whom nothing "
            "else is known get what is popular among users of the same value. Not for popular.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    popular_half_life: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            help="In lists that popular items fill, an event counts half of one that came so many "
            "days later. Not for popular, which has a setting for it.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
) -> Served:
    """What the export is to offer, by the options that say so."""
    names = [name.strip() for line in filterable or () for name in line.split(",")]
    if popular_half_life is not None and not popular_half_life > 0:
        raise typer.BadParameter("a number of days above 0", param_hint="--popular-half-life")
    return Served(tuple(names), popular_by, popular_half_life)
