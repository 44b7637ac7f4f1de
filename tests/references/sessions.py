"""Sessions by walking through one user's events after another."""

from tests.references.order import chronological


def sessions(events, by=None, gap=None, max_length=None):
    """The events of each session, as lists of positions, in the order of their first events."""
    place = {position: rank for rank, position in enumerate(chronological(events))}
    groups = {}
    for position in sorted(place, key=place.get):
        event = events[position]
        groups.setdefault((event["user_id"], event.get(by)), []).append(position)
    found = []
    for group in groups.values():
        current = []
        for position in group:
            paused = (
                current
                and gap is not None
                and events[position]["timestamp"] - events[current[-1]]["timestamp"] > gap
            )
            full = max_length is not None and len(current) == max_length
            if paused or full:
                found.append(current)
                current = []
            current.append(position)
        found.append(current)
    return sorted(found, key=lambda session: place[session[0]])
