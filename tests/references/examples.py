"""Examples event by event, as a person would list them. Events are dictionaries."""

import hashlib


def in_order(events):
    """By user, time and session; ties by the SHA-256 of user and item."""

    def key(event):
        tie = hashlib.sha256(f"{event['user_id']}:{event['item_id']}".encode()).hexdigest()
        return event["user_id"], event["timestamp"], event.get("session_id", ""), tie

    return sorted(events, key=key)


def next_item(events, history, minimum_history=1):
    """(target, history) for each event with enough events before it."""
    found = []
    for target, before in _with_the_past(events):
        if "session_id" in target:  # what shares session and time with the target has no order
            before = [
                event
                for event in before
                if (event["session_id"], event["timestamp"])
                != (target["session_id"], target["timestamp"])
            ]
        if len(before) >= minimum_history:
            found.append((target, before[max(0, len(before) - history) :]))
    return found


def next_basket(events, history, minimum_history=1, new_items_only=True):
    """(target, history) for each event of each basket; the history ends where the basket begins."""
    basket = "session_id" if events and "session_id" in events[0] else "timestamp"
    found = []
    for target, before in _with_the_past(events):
        for place, event in enumerate(before):
            if event[basket] == target[basket]:
                before = before[:place]
                break
        if len(before) < minimum_history:
            continue
        if new_items_only and target["item_id"] in [event["item_id"] for event in before]:
            continue
        found.append((target, before[max(0, len(before) - history) :]))
    return found


def padded(histories, length):
    """Each list cut to its last `length` values and filled with zeros behind."""
    kept = [list(values)[max(0, len(values) - length) :] for values in histories]
    return [values + [0] * (length - len(values)) for values in kept]


def _with_the_past(events):
    ordered = in_order(events)
    for place, target in enumerate(ordered):
        yield target, [e for e in ordered[:place] if e["user_id"] == target["user_id"]]


def held_out(events):
    """{(user, item): the user's other items} for each item of users who have others."""
    items = {}
    for event in events:
        items.setdefault(event["user_id"], set()).add(event["item_id"])
    return {
        (user, item): found - {item}
        for user, found in items.items()
        for item in found
        if len(found) > 1
    }
