"""A marketplace made up from a seed, with the truth behind its log: who wanted what, and when.

The model, with unit(x) = x / |x|, normal noise ε (each of its own length), σ the logistic function:

    items       v_i = unit(β + ε)             of brand β = unit(μ_z + ε) of topic z
                w_i ∝ rank_i^-popularity      rank: a random order of all items
    users       K interests, 2 to 6           topics without repetition, by the user's age group
                x_k = unit(μ_z + ε)           the taste of interest k
                budget, home market           the latter gives the country
    session     three hours after the last    at least; within it, five minutes a click at most
                market m: home, or elsewhere  one market a session, as people search one place
                interest k: as before, or any of the K with probability `switch`
                x_k is replaced, topic and all, with probability `drift`, for good
                y = unit(x_k + ε)             what is wanted today
    shown       a slate of items of market m, topic z(k) (with probability `explore`, any topic)
                that are released by t, each of them
                  with probability `fresh` P(i) ∝ w_i 2^(-(t - release_i) / half_life)
                  or else                  P(i) ∝ w_i
    click       one of the slate, P(i) ∝ exp(8 u_i),  u_i = y·v_i - 0.1 |ln price_i - budget|
    watch_ratio σ(6 (u - 0.5) + ε)            how much of a clicked item was seen, in (0, 1)
    like        after a click, with probability σ(8 (u - 0.9))
    booking     at the end of a session, with probability `booking`,
                one of those clicked, P(i) ∝ exp(8 u_i)
    rejection   instead, with probability R[user type, item type]: the host says no
                user type: age group and device; item type: price tier and topic

So popularity has a long tail and fades after release; a session has one market, one interest and a
booked item like those clicked; histories hold several interests in turns, and the old ones mislead.
"""

from __future__ import annotations

from typing import Any

from tfrec_recall.data.datasets.simulated.assembly import Simulation, Truth
from tfrec_recall.data.datasets.simulated.choices import EVENT_TYPES
from tfrec_recall.data.datasets.simulated.generate import POSITIVE, simulate
from tfrec_recall.data.datasets.simulated.parts import write
from tfrec_recall.data.interactions import Interactions

__all__ = ["EVENT_TYPES", "POSITIVE", "Simulation", "Truth", "load", "simulate", "write"]


def load(**options: Any) -> Interactions:
    """The log without the truth; the options are those of `simulate`.

    >>> sorted(load(events=1000, seed=3).events["event_type"].unique())
    ['booking', 'click', 'like']
    """
    return simulate(**options).interactions
