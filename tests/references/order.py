"""The order of events as the protocol page words it, one comparison at a time."""

import hashlib


def chronological(events):
    """Positions of `events`, a list of dictionaries, by user, time, session and hash; stable."""

    def key(position):
        event = events[position]
        pair = f"{event['user_id']}:{event['item_id']}"
        return (
            event["user_id"],
            event["timestamp"],
            event.get("session_id", 0),
            hashlib.sha256(pair.encode()).hexdigest(),
        )

    return sorted(range(len(events)), key=key)
