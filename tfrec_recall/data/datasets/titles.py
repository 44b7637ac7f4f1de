"""Descriptions in capitals, as a shop's system prints them, made fit to read."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SMALL = re.compile("a|an|and|at|by|de|des|du|en|for|from|in|la|le|of|on|or|the|to|with")
_CAPITALS = re.compile("3D|A[4-7]|ABC|CD|DIY|I|II|III|LED|TV|UK|USA|VIP|WC|XL")
_MEASURE = re.compile(r"\d+(?:CM|MM|M|G|KG|ML|L|PC|W|S|X\d+)")


def title(text: str) -> str:
    """Title case: small words small between others, measures small, abbreviations as they are.

    >>> title("SET OF 12 T-LIGHTS,60CM  CHILDREN'S LED 50'S")
    "Set of 12 T-Lights, 60cm Children's LED 50's"
    """
    spaced = " ".join(re.sub(r",(?=\S)", ", ", text).split())
    return _WORD.sub(_cased, spaced)


def _cased(match: re.Match[str]) -> str:
    word, around = match.group(), match.string[max(match.start() - 1, 0) : match.end() + 1]
    if _CAPITALS.fullmatch(word.upper()):
        return word.upper()
    if _MEASURE.fullmatch(word.upper()):
        return word.lower()
    if _SMALL.fullmatch(word.lower()) and around == f" {word} ":
        return word.lower()
    return word[0].upper() + word[1:].lower()
