"""A JSON array of objects as the JSON lines that it would be."""

from __future__ import annotations

import json
import pathlib
import re

from tfrec_recall.data.reading.packed import opened

_BLANK = re.compile(r"[ \t\r\n]*")


def array_as_lines(path: pathlib.Path) -> bytes:
    """One line an object, each as it is written.

    Raises: ValueError naming the line where no array of objects goes on.
    """
    with opened(path) as file:
        text = file.read().decode("utf-8-sig")
    decoder = json.JSONDecoder()
    lines: list[str] = []
    place = _after_blanks(text, text.index("[") + 1)
    ended = text[place : place + 1] == "]"
    while not ended:
        try:
            found, end = decoder.raw_decode(text, place)
        except ValueError as error:
            raise ValueError(_refused(text, place, str(error))) from error
        if not isinstance(found, dict):
            raise ValueError(_refused(text, place, f"a {type(found).__name__} is no object"))
        # A line end within an object stands between its parts: text has none that is not escaped.
        lines.append(re.sub(r"[\r\n]", " ", text[place:end]))
        place = _after_blanks(text, end)
        if text[place : place + 1] not in (",", "]"):
            raise ValueError(_refused(text, place, "a comma or ] is expected"))
        ended = text[place] == "]"
        place = _after_blanks(text, place + 1) if not ended else place
    if text[_after_blanks(text, place + 1) :]:
        raise ValueError(_refused(text, place + 1, "something follows the array"))
    return "\n".join(lines).encode()


def _after_blanks(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return place if found is None else found.end()


def _refused(text: str, place: int, why: str) -> str:
    line = text.count("\n", 0, place) + 1
    return (
        f"line {line:,}: {why}. A file that begins with [ is an array of objects, [{{…}}, {{…}}]. "
        f"Received: {text[place : place + 80]!r}."
    )
