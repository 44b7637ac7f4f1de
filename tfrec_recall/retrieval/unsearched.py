"""An index that was asked for where nothing is searched: said, not passed over."""

from __future__ import annotations

import warnings

from tfrec_recall.retrieval.auto import Auto
from tfrec_recall.retrieval.exact import Exact
from tfrec_recall.retrieval.index import IndexNotice, IndexSettings


def tell_unsearched(who: str, index: IndexSettings | None) -> None:
    """Warns that `who` has no vectors to search, if more than the best index there is was asked."""
    if index is not None and not isinstance(index, Exact | Auto):
        text = f"{who} searches no vectors: index={type(index).__name__} means nothing for it."
        warnings.warn(text, IndexNotice, stacklevel=3)
