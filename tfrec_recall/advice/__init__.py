"""Plain advice from the figures of a run: what is wrong, by which figure, which setting mends it.

Knows figures as plain values, never a model or a retriever. Of a row of `comparison.json`, which
`tfrec-recall compare` writes, and of its facts::

    for one in [*advise_on_data(facts), *advise(Evidence.of(row, facts))]:
        print(one)
"""

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.advise import advise, advise_on_data
from tfrec_recall.advice.evidence import Evidence

__all__ = ["Advice", "Evidence", "advise", "advise_on_data"]
