"""Which events count, how they are cut and what is ranked: options, and what exports remember."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrec_recall.cli.arguments.source import Source, telling
from tfrec_recall.cli.arguments.split_text import FORMS, cut, cut_parts
from tfrec_recall.cli.console import say, waiting

if TYPE_CHECKING:
    from tfrec_recall.data import Interactions, PartedInteractions, PartedSplit, Split

RECORD = "protocol"  # the key in an export's card
TIES = "hash, file or shuffled (shuffled:SEED)"
PANEL = "Measurement"
FEW = 5  # the test asks one in so many users at least, or it is said


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What `train` and `evaluate` are told of the measurement; None is what is the default.

    An export keeps it in its card, so that what measures the export later does so in the same way.
    """

    split: str | None = None
    minimum: int | None = None
    drop_duplicates: bool | None = None
    minimum_rating: float | None = None
    keep_unrated: bool | None = None
    ties: str | None = None
    repeats: bool | None = None

    def __post_init__(self):
        if self.keep_unrated is not None and self.minimum_rating is None:
            raise ValueError("--keep-unrated and --drop-unrated go with --minimum-rating.")
        if self.ties is not None:
            _seed_of_ties(self.ties)

    @classmethod
    def recorded(cls, card: Mapping[str, Any]) -> Protocol:
        """That of an export, by what `train` wrote into its card."""
        known = {field.name for field in dataclasses.fields(cls)}
        record = card.get(RECORD) or {}
        return cls(**{name: value for name, value in record.items() if name in known})

    def record(self) -> dict[str, Any]:
        """What is said, as plain values."""
        given = dataclasses.asdict(self)
        return {name: value for name, value in given.items() if value is not None}

    def changed_by(self, given: Protocol) -> Protocol:
        """This one, with what is given instead."""
        changes = given.record()
        if given.split is not None and given.minimum is None:
            changes["minimum"] = None  # it belonged to the other split
        if given.minimum_rating is not None and given.keep_unrated is None:
            changes["keep_unrated"] = None
        return dataclasses.replace(self, **changes)

    def cuts_as(self, other: Protocol) -> bool:
        """Whether both leave the same events of the same data to be learnt from."""
        return self._cut() == other._cut()

    def _cut(self) -> tuple[Any, ...]:
        """What decides that; what is not said is as the default that stands for it."""
        ties = self.ties or "hash"
        seed = _seed_of_ties(ties)
        return (
            *(self.split or "standard", self.minimum, self.minimum_rating),
            *(bool(self.drop_duplicates), bool(self.keep_unrated)),
            ties if seed is None else seed,
        )

    def __str__(self) -> str:
        """As options of the command line."""
        words = []
        for name, value in self.record().items():
            option = name.replace("_", "-")
            opposite = "keep-duplicates" if name == "drop_duplicates" else f"no-{option}"
            opposite = "drop-unrated" if name == "keep_unrated" else opposite
            if isinstance(value, bool):
                words.append(f"--{option if value else opposite}")
            else:
                words.append(f"--{option} {value}")
        return " ".join(words)

    def counted(self, interactions: Interactions) -> Interactions:
        """The events that count, ties in their order; says what is left out."""
        events = len(interactions.events)
        distinct = self._distinct(interactions)
        if self.drop_duplicates:
            left = events - len(distinct.events)
            say(f"--drop-duplicates leaves {left:,} of {events:,} events out.")
        events, rated = len(distinct.events), self._rated(distinct)
        if self.minimum_rating is not None:
            left, none = events - len(rated.events), "" if self.keep_unrated else " or none"
            least = f"{self.minimum_rating:g}"
            say(f"{left:,} of {events:,} events have a rating below {least}{none}: left out.")
        else:
            _tell_odd_ratings(rated)
        return self._in_order(rated)

    def counted_parts(self, parted: PartedInteractions) -> PartedInteractions:
        """As `counted`, of events in parts, each as it is read; `cut_parts` says what is left out.

        Raises: ValueError for an order of rows, which parts need not have kept.
        """
        if self.ties == "file":
            raise ValueError(
                "Events in parts need not be in the order of the file that they came from: take "
                "another of --ties hash or shuffled. Received: --ties file."
            )
        return parted.map(lambda part: self._in_order(self._rated(self._distinct(part))))

    def cut_parts(self, parted: PartedInteractions) -> PartedSplit:
        """The split of events in parts; says what it is of."""
        with telling():
            split = cut_parts(parted, self.split, self.minimum, bool(self.repeats))
        if split.events < parted.rows:
            left = parted.rows - split.events
            say(f"{self} leaves {left:,} of {parted.rows:,} events out.")
        if self.minimum_rating is None:
            _tell_odd_ratings(split.interactions)
        say(str(split))
        return split

    def _distinct(self, interactions: Interactions) -> Interactions:
        from tfrec_recall import data

        return data.without_duplicates(interactions) if self.drop_duplicates else interactions

    def _rated(self, interactions: Interactions) -> Interactions:
        from tfrec_recall import data

        if self.minimum_rating is None:
            return interactions
        return data.rated(interactions, self.minimum_rating, bool(self.keep_unrated))

    def _in_order(self, interactions: Interactions) -> Interactions:
        """Ties in theirs."""
        from tfrec_recall import data

        if self.ties is None or self.ties == "hash":
            return interactions
        seed = _seed_of_ties(self.ties)
        if seed is None:
            return data.ties_in_file_order(interactions)
        return data.ties_shuffled(interactions, seed)

    def cut(self, interactions: Interactions) -> Split:
        """The split of events that count; says where one that nobody named asks few users."""
        with telling():
            split = cut(interactions, self.split, self.minimum, bool(self.repeats))
        self.require_asked(split)
        if self.split is None and self.minimum is None and not split.published:
            _tell_of_few(split)
        return split

    def require_asked(self, split: Split) -> None:
        """Raises ValueError where nothing can be measured on test, before anything is trained."""
        import pandas as pd

        from tfrec_recall.evaluation.targets import Targets

        Targets.of(split.test, pd.Index(split.interactions.items["item_id"]), bool(self.repeats))


def _option(help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(
        *names, metavar=metavar, help=help, show_default=False, rich_help_panel=PANEL
    )


Cuts = Annotated[
    str | None,
    _option(
        "The k of every metric, such as 5,10,20,50. By default 10,50,100, and 20 for a split that "
        "came with the data.",
        metavar="K,K",
    ),
]


def protocol(
    split: Annotated[
        str | None,
        _option(
            f"How the events are cut into train, validation and test: {FORMS}. By default what "
            "fits the data: a column split, the last basket, or the last five events of each user.",
            metavar="HOW",
        ),
    ] = None,
    minimum: Annotated[
        int | None,
        _option(
            "Users with fewer events (baskets, where these are cut) are not asked. Below what "
            "--split takes of each user, those with few events are asked for fewer.",
            metavar="N",
        ),
    ] = None,
    drop_duplicates: Annotated[
        bool | None,
        _option(
            "Leave out events that repeat another in every column.",
            "--drop-duplicates/--keep-duplicates",
        ),
    ] = None,
    minimum_rating: Annotated[
        float | None,
        _option(
            "Only events with a rating from this one up count; those without one do not.",
            metavar="RATING",
        ),
    ] = None,
    keep_unrated: Annotated[
        bool | None,
        _option(
            "With --minimum-rating: events without a rating count as well.",
            "--keep-unrated/--drop-unrated",
        ),
    ] = None,
    ties: Annotated[
        str | None,
        _option(
            f"The order of a user's events at one time: {TIES}. By default a hash, which says "
            "nothing of what comes next; much that is published followed the order of the file.",
            metavar="ORDER",
        ),
    ] = None,
    repeats: Annotated[
        bool | None,
        _option(
            "Rank the items of the history like all others, for data where people buy or listen "
            "again.",
            "--repeats/--no-repeats",
        ),
    ] = None,
) -> Protocol:
    """The protocol of a command, by the options that say what it is."""
    return Protocol(split, minimum, drop_duplicates, minimum_rating, keep_unrated, ties, repeats)


def read_split(source: Source, measured: Protocol) -> Split:
    """The data of a command, cut as the protocol says; events in parts stay in them.

    Raises: ValueError for a folder that holds a split, and options that would make it another one.
    """
    parts = source.parts()
    if parts is not None:
        return measured.cut_parts(measured.counted_parts(parts))
    saved = source.saved_split()
    if saved is not None:
        cuts = str(dataclasses.replace(measured, repeats=None))
        if cuts:
            raise ValueError(
                f"{source.name} holds a split, which is followed as it is: leave {cuts} out. "
                f"Received: {cuts}."
            )
        from tfrec_recall.data import load_split

        with telling(), waiting(f"Reading {source.name}"):
            split = load_split(saved)
        measured.require_asked(split)
        return split
    return measured.cut(measured.counted(source.load()))


def lists_repeats(card: Mapping[str, Any], given: bool | None = None) -> bool:
    """Whether an export's lists hold what users had: as is said, else as it was measured.

    Args:
        card: what the card of the export tells of its data.
    """
    return bool(Protocol.recorded(card).repeats if given is None else given)


def parse_cuts(text: str, option: str = "--cuts") -> tuple[int, ...]:
    """The numbers of --cuts, or of another option of numbers.

    >>> parse_cuts("5,10, 20")
    (5, 10, 20)
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"{option} takes whole numbers from 1 up, 5,10,20. Received: {text!r}.")
    return tuple(sorted({int(part) for part in parts}))


def _seed_of_ties(text: str) -> int | None:
    """The seed of shuffled ties; None for an order without a draw."""
    name, colon, seed = text.partition(":")
    if name == "shuffled" and (not colon or seed.isdecimal()):
        return int(seed or 0)
    if text not in ("hash", "file"):
        raise ValueError(f"--ties takes {TIES}. Received: {text!r}.")
    return None


def _tell_of_few(split: Split) -> None:
    """Says so where the test is of less than a fifth of the users, and what asks more of them."""
    events = split.interactions.events["user_id"].value_counts(sort=False)
    asked = split.test.targets["user_id"].nunique()
    if FEW * asked >= len(events):
        return
    of_baskets = split.name.startswith("last_basket_out")
    ways = "--split last:1 asks" if of_baskets else "--minimum 3 or --split last:1 asks"
    more = f": {ways} more" if (events >= 3).sum() > asked else ""
    many = "baskets" if of_baskets else "events"
    say(f"Test asks {asked:,} of {len(events):,} users, those with many {many}{more}.")


def _tell_odd_ratings(interactions: Interactions) -> None:
    """Says how many events have a rating that a reader may not have thought of."""
    import numpy as np

    if "rating" not in interactions.events:
        return
    rating = interactions.events["rating"].to_numpy("float64", na_value=np.nan)
    odd = {"none": np.isnan(rating), "one of 0": rating == 0, "a negative one": rating < 0}
    counts = [f"{int(rows.sum()):,} {what}" for what, rows in odd.items() if rows.any()]
    if counts:
        say(
            f"Ratings of {len(rating):,} events: {', '.join(counts)}. Models of ratings leave out "
            "events without one; to all others every event counts alike. --minimum-rating takes "
            "those from a rating up."
        )
