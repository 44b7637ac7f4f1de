"""The two splits of the protocol page, user by user. Events are dictionaries."""

from tests.references.order import chronological


def by_user(events):
    """Each user's events, oldest first."""
    users = {}
    for position in chronological(events):
        users.setdefault(events[position]["user_id"], []).append(events[position])
    return users


def last_events_out(events, test, validation):
    """Lists of events: train, validation and test."""
    parts = {"train": [], "validation": [], "test": []}
    for past in by_user(events).values():
        if len(past) <= test + validation:
            parts["train"] += past
            continue
        cut = len(past) - test
        parts["train"] += past[: cut - validation]
        parts["validation"] += past[cut - validation : cut]
        parts["test"] += past[cut:]
    return parts


def last_basket_out(events, minimum_baskets):
    """Lists of events; the targets are what the user had in no earlier basket."""
    parts = {name: [] for name in ("train", "validation", "test")}
    targets = {"validation": [], "test": []}
    for past in by_user(events).values():
        baskets = []
        for event in past:
            if not baskets or baskets[-1][0]["session_id"] != event["session_id"]:
                baskets.append([])
            baskets[-1].append(event)
        names = ["train"] * len(baskets)
        if len(baskets) >= minimum_baskets:
            names[-2:] = ["validation", "test"]
        seen = set()
        for name, basket in zip(names, baskets, strict=True):
            parts[name] += basket
            if name != "train":
                targets[name] += [event for event in basket if event["item_id"] not in seen]
            seen |= {event["item_id"] for event in basket}
    return parts, targets
