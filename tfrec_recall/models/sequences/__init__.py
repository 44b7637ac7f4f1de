"""The order of a user's events, or the several interests in them.

`MIND` where users follow several interests at once: some vectors a user, each searched for.
`SDM` where events have times and come in sessions: the short-term session, gated with the long
term. Both need histories; beside them stands an item-item model asked with the last events.
"""

from tfrec_recall.models.sequences.mind import MIND
from tfrec_recall.models.sequences.sdm import SDM

__all__ = ["MIND", "SDM"]
