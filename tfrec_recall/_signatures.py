"""What features are called in the signatures of exports."""

from __future__ import annotations

import keyword
import re


def signature_name(feature: str) -> str:
    """A feature's name as signatures can have it: what is no ASCII letter or digit becomes _.

    Words of Python's own, and `self`, are no names of a function's arguments, as which TensorFlow
    takes inputs.

    >>> signature_name("price (in €)"), signature_name("2nd"), signature_name("class")
    ('price__in___', 'feature_2nd', 'feature_class')
    """
    name = re.sub(r"[^A-Za-z0-9_]", "_", feature)
    plain = name[:1].isalpha() and not keyword.iskeyword(name) and name != "self"
    return name if plain else f"feature_{name}"
