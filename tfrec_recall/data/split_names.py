"""What the parts of a split are called, here and elsewhere."""

from __future__ import annotations

PARTS = ("train", "validation", "test")
SPLIT = {  # by the words that are in use
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def called(word: object) -> str | None:
    """Our word for a part of a split; None for what is none.

    >>> called("Val"), called("fold 3")
    ('validation', None)
    """
    return SPLIT.get(word.strip().lower()) if isinstance(word, str) else None
