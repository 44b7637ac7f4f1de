"""Train, validation and test: what models learn from, what they are asked, with which past."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec_recall.data.interactions import PARTS, Interactions
from tfrec_recall.data.order import changes, chronological, rank


@dataclass(frozen=True, eq=False)
class Part:
    """What is asked of a model: the past of some users, and what they turned to next.

    Args:
        history: the events that a model may know of these users, sorted chronologically, users
            contiguous. A user may have none.
        targets: the events to predict, in the same order; its users are those who are counted.
    """

    history: pd.DataFrame
    targets: pd.DataFrame

    def __repr__(self) -> str:
        users = self.targets["user_id"].nunique()
        return f"Part({len(self.targets):,} targets of {users:,} users)"


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """A data set cut into what models learn from, are tuned on and are measured on.

    Args:
        name: the call that made it, for reports.
        interactions: everything; its items are the catalogue that is ranked.
        train: what models, vocabularies and counts are made of; all users and items, fewer events.
        validation: targets to tune on; the history is the users' events in train.
        test: targets to look at once; the history is train and validation.
        published: it came with the data, so that figures stand beside those of others.
    """

    name: str
    interactions: Interactions
    train: Interactions
    validation: Part
    test: Part
    published: bool = False

    def __repr__(self) -> str:
        return (
            f"Split({self.name} of {self.interactions.name}: train {len(self.train.events):,} "
            f"events, validation {self.validation}, test {self.test})"
        )

    def part(self, on: str) -> Part:
        """`validation` or `test`, by name."""
        if on not in ("validation", "test"):
            raise ValueError(f"A model is measured on 'validation' or 'test'. Received: {on!r}.")
        return self.validation if on == "validation" else self.test


def last_events_out(interactions: Interactions, test: int = 5, validation: int = 5) -> Split:
    """The last events of each user are test targets, those before them validation targets.

    A user with no more than `test + validation` events would have no past to be asked with, and is
    training data whole. Ties in time are ordered by a hash, see `chronological`.

    Raises: ValueError without timestamps, or if no user has enough events.

    >>> events = pd.DataFrame({"user_id": 1, "item_id": list("abcd"), "timestamp": [3, 1, 4, 2]})
    >>> split = last_events_out(Interactions(events), test=1, validation=1)
    >>> split.test.history["item_id"].tolist(), split.test.targets["item_id"].tolist()
    (['b', 'd', 'a'], ['c'])
    """
    interactions.require_time("last_events_out")
    if test < 1 or validation < 0:
        raise ValueError(
            "last_events_out needs one test event at least, and no negative number of validation "
            f"events. Received: test={test}, validation={validation}."
        )
    data = _sorted(interactions)
    from_end, size = _places_from_end(changes(data.events["user_id"]))
    long = size > test + validation
    if not long.any():
        raise ValueError(
            f"last_events_out(test={test}, validation={validation}) needs users with more than "
            f"{test + validation} events. Received: {size.max(initial=0)} events at most."
        )
    part = np.zeros(len(from_end), dtype=np.int8)
    part[long & (from_end < test + validation)] = 1
    part[long & (from_end < test)] = 2
    name = f"last_events_out(test={test}, validation={validation})"
    return _split(name, interactions, data, part)


def last_basket_out(
    interactions: Interactions, minimum_baskets: int = 3, new_items_only: bool = True
) -> Split:
    """The last basket (session) of each user is the test, the one before it the validation.

    A basket is placed by its time, baskets of one time by their id, and its events are never torn
    apart. A user with fewer than `minimum_baskets` is training data whole.

    Args:
        minimum_baskets: three leave one to learn from.
        new_items_only: only items that the user had in no earlier basket are targets; a user
            without any is not counted. All other events of the basket are history later on.

    Raises: ValueError without session_id or timestamps, or if the sessions of a user overlap.
    """
    interactions.require_time("last_basket_out")
    if minimum_baskets < 3:
        raise ValueError(
            "last_basket_out takes one basket for test, one for validation and needs one before: "
            f"minimum_baskets is 3 at least. Received: {minimum_baskets}."
        )
    if "session_id" not in interactions.events:
        raise ValueError(
            "last_basket_out needs to know the baskets: give events a column 'session_id', for "
            "instance of tfrec_recall.data.sessions. Received columns: "
            f"{list(interactions.events.columns)}."
        )
    data = _sorted(interactions)
    events = data.events
    starts = changes(events["user_id"], events["session_id"])
    _check_contiguous(events, starts)
    first = np.flatnonzero(starts)
    basket = np.cumsum(starts) - 1
    from_end, size = _places_from_end(changes(events["user_id"])[first])
    long = size >= minimum_baskets
    if not long.any():
        raise ValueError(
            f"last_basket_out needs users with {minimum_baskets} baskets. "
            f"Received: {size.max(initial=0)} at most."
        )
    part = np.zeros(len(first), dtype=np.int8)
    part[long & (from_end == 1)] = 1
    part[long & (from_end == 0)] = 2
    wanted = _is_new(events, basket) if new_items_only else None
    name = f"last_basket_out(minimum_baskets={minimum_baskets}, new_items_only={new_items_only})"
    return _split(name, interactions, data, part[basket], wanted)


def temporal(
    interactions: Interactions,
    validation_from: float | str | datetime.datetime,
    test_from: float | str | datetime.datetime,
) -> Split:
    """Two moments cut the events of everybody: train before, validation between, test after.

    The only split without a look at other users' future. Users who appear after a cut only are
    asked about with an empty history.

    Args:
        validation_from, test_from: Unix seconds, a datetime or a date as text ("2011-11-01"), UTC
            unless it says otherwise; an event at that very moment comes after the cut.

    Raises: ValueError without timestamps, or if a part would be empty.
    """
    interactions.require_time("temporal")
    cuts = [_moment(validation_from), _moment(test_from)]
    if not cuts[0] < cuts[1]:
        raise ValueError(
            "temporal needs validation_from before test_from. "
            f"Received: {validation_from!r}, {test_from!r}."
        )
    data = _sorted(interactions)
    timestamp = data.events["timestamp"].to_numpy()
    part = np.searchsorted(cuts, timestamp, side="right")
    sizes = np.bincount(part, minlength=3)
    if (sizes == 0).any():
        raise ValueError(
            f"temporal leaves no event in {PARTS[int(np.argmin(sizes))]}: the data goes from "
            f"{_text(timestamp.min())} to {_text(timestamp.max())}. "
            f"Received: {_text(cuts[0])}, {_text(cuts[1])}."
        )
    return _split(f"temporal({_text(cuts[0])}, {_text(cuts[1])})", interactions, data, part)


def hold_out_users(
    interactions: Interactions,
    validation: float = 0.1,
    test: float = 0.1,
    targets: int = 5,
    seed: int = 0,
) -> Split:
    """Some users are kept from training altogether; their last events are predicted from the rest.

    It measures models on people they have never met. The history of a held-out user is that user's
    own earlier events, which are not in train. A user with no more than `targets` events cannot be
    asked and is training data.

    Args:
        validation, test: shares of the users with enough events; one user at least unless 0.
        targets: the last events of a held-out user, which are to be predicted.
        seed: chooses the users.

    Raises: ValueError without timestamps, or if the shares leave no user to learn from.
    """
    interactions.require_time("hold_out_users")
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1 and targets >= 1):
        raise ValueError(
            "hold_out_users takes shares of the users that leave some for training, and one target "
            f"at least. Received: validation={validation}, test={test}, targets={targets}."
        )
    data = _sorted(interactions)
    starts = changes(data.events["user_id"])
    from_end, size = _places_from_end(starts)
    user = np.cumsum(starts) - 1
    eligible = np.flatnonzero(size[starts] > targets)
    counts = [max(round(share * len(eligible)), share > 0) for share in (validation, test)]
    if len(eligible) == 0 or sum(counts) >= starts.sum():
        raise ValueError(
            f"hold_out_users needs users with more than {targets} events, and others to learn "
            f"from. Received: {len(eligible):,} such users of {starts.sum():,}."
        )
    chosen = np.random.default_rng(seed).permutation(eligible)
    role = np.zeros(int(starts.sum()), dtype=np.int8)
    role[chosen[: counts[0]]] = 1
    role[chosen[counts[0] : sum(counts)]] = 2
    held = role[user]
    is_target = from_end < targets
    return Split(
        name=f"hold_out_users({validation}, {test}, targets={targets}, seed={seed})",
        interactions=interactions,
        train=data.take(held == 0),
        validation=_part(data.events, (held == 1) & ~is_target, (held == 1) & is_target),
        test=_part(data.events, (held == 2) & ~is_target, (held == 2) & is_target),
    )


def given(interactions: Interactions) -> Split:
    """The split that came with the data, in the events' column `split`, followed as it is.

    The only split that works without timestamps, and the only one that may let a history hold
    events later than its targets, if that is how it was published. Validation may be empty.

    Raises: ValueError without the column, or without train or test events.
    """
    if "split" not in interactions.events:
        raise ValueError(
            f"given needs a column 'split' of {', '.join(PARTS)} in the events; without one, use "
            "last_events_out, last_basket_out, temporal or hold_out_users. Received columns: "
            f"{list(interactions.events.columns)}."
        )
    data = _sorted(interactions)
    named = data.events["split"].to_numpy(dtype=object)
    part = np.select([named == name for name in PARTS], range(3))
    sizes = dict(zip(PARTS, np.bincount(part, minlength=3).tolist(), strict=True))
    if not (sizes["train"] and sizes["test"]):
        raise ValueError(f"given needs events in train and in test. Received: {sizes}.")
    split = _split("given", interactions, data, part)
    return dataclasses.replace(split, published=True)


def standard(interactions: Interactions) -> Split:
    """The split of the measurement protocol that fits the data.

    A column `split` is followed; where the events of each session share one time, as baskets do,
    the last basket is left out; else the last five events of each user.
    """
    if "split" in interactions.events:
        return given(interactions)
    if has_baskets(interactions):
        return last_basket_out(interactions)
    return last_events_out(interactions)


def has_baskets(interactions: Interactions) -> bool:
    """Whether sessions are baskets: the events of each share one time, and some hold several."""
    events = interactions.events
    if not interactions.has_time or "session_id" not in events:
        return False
    session = [events["user_id"], events["session_id"]]
    times = events.groupby(session, observed=True, sort=False)["timestamp"]
    same = times.transform("min") == events["timestamp"]
    return bool(same.all()) and times.ngroups < len(events)


def _sorted(interactions: Interactions) -> Interactions:
    """The events in chronological order; without time, users contiguous and no more."""
    if interactions.has_time:
        return interactions.take(chronological(interactions.events))
    return interactions.take(np.argsort(rank(interactions.events["user_id"]), kind="stable"))


def _places_from_end(starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each row, how many of its group follow it, and the size of the group."""
    group = np.cumsum(starts) - 1
    size = np.bincount(group)
    end = np.cumsum(size)
    return end[group] - 1 - np.arange(len(starts)), size[group]


def _is_new(events: pd.DataFrame, basket: np.ndarray) -> np.ndarray:
    """Whether the user had the item in no earlier basket, for sorted events."""
    user = np.cumsum(changes(events["user_id"])) - 1
    item, items = pd.factorize(events["item_id"])
    pair, pairs = pd.factorize(user * len(items) + item)
    first = np.empty(len(pairs), dtype=np.int64)
    first[pair[::-1]] = basket[::-1]  # the earliest basket of the pair is written last
    return first[pair] == basket


def _check_contiguous(events: pd.DataFrame, starts: np.ndarray) -> None:
    """Refuses sessions of one user that overlap: the later events of one would leak the other."""
    opened = events.loc[starts, ["user_id", "session_id"]]
    again = opened.duplicated()
    if again.any():
        raise ValueError(
            "last_basket_out needs baskets that do not overlap in time: give the events of a "
            "basket one time, events.groupby(['user_id', 'session_id'])['timestamp']"
            ".transform('min'), or cut the sessions anew with tfrec_recall.data.sessions. "
            f"Received: {opened[again]['user_id'].nunique():,} users with overlaps, the first "
            f"{opened[again].head(3).to_dict('records')}."
        )


def _split(
    name: str,
    interactions: Interactions,
    data: Interactions,
    part: np.ndarray,
    wanted: np.ndarray | None = None,
) -> Split:
    """The split of sorted events into 0 train, 1 validation, 2 test; targets are those wanted."""
    wanted = np.ones(len(part), dtype=bool) if wanted is None else wanted
    return Split(
        name=name,
        interactions=interactions,
        train=data.take(part == 0),
        validation=_part(data.events, part == 0, (part == 1) & wanted),
        test=_part(data.events, part <= 1, (part == 2) & wanted),
    )


def _part(events: pd.DataFrame, past: np.ndarray, asked: np.ndarray) -> Part:
    """The events asked, and of the past those of the users who are asked."""
    user = np.cumsum(changes(events["user_id"])) - 1
    counted = np.zeros(int(user[-1]) + 1 if len(user) else 0, dtype=bool)
    counted[user[asked]] = True
    return Part(
        history=events[past & counted[user]].reset_index(drop=True),
        targets=events[asked].reset_index(drop=True),
    )


def _moment(value: float | str | datetime.datetime) -> float:
    """Unix seconds of what names a moment."""
    if isinstance(value, int | float | np.number):
        return float(value)
    try:
        return pd.Timestamp(value).timestamp()
    except (ValueError, TypeError) as error:
        raise ValueError(
            "A moment is Unix seconds, a datetime or a date such as '2011-11-01'. "
            f"Received: {value!r}."
        ) from error


def _text(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(float(seconds), datetime.UTC).isoformat()[:19]
