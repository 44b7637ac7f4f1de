"""Whether AutoGraph rewrites the package's functions in a test."""

import contextlib

from tensorflow.python.autograph.core import config as rules
from tensorflow.python.autograph.impl import conversion
from tensorflow.python.autograph.pyct.cache import UnboundInstanceCache

USUAL = rules.CONVERSION_RULES


def rewrite(whether):
    """Whether AutoGraph rewrites the package's functions, as it does for users.

    It takes as long as to trace them and changes none, as none has an `if` or a loop on tensors.
    """
    own = () if whether else (rules.DoNotConvert("tfrec_recall"),)
    rules.CONVERSION_RULES = (*own, *USUAL)
    conversion._ALLOWLIST_CACHE = UnboundInstanceCache()  # what other rules have left alone


@contextlib.contextmanager
def rewritten():
    """Within it functions are rewritten as a user's process does."""
    before = len(rules.CONVERSION_RULES)
    rewrite(True)
    try:
        yield
    finally:
        rewrite(before == len(USUAL))
