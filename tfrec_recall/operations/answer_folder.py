"""A folder of answers, whose parts are whole or not there, and which knows what they answer."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.data.files import alone_in, replacing

MANIFEST = "_manifest.json"  # readers of folders of Parquet leave aside what begins with _ or .
DICTIONARY = 2**24  # bytes: ids of a million items, which one MiB, as is usual, does not hold
SUCCESS = "_SUCCESS"
FORMAT = 1


class AnswerFolder:
    """`part-00000.parquet`, …, `_manifest.json` of what is answered, and `_SUCCESS` at the end.

    Args:
        path: the folder.
        settings: plain values of the whole run. A folder that was begun with others is refused.
    """

    def __init__(self, path: pathlib.Path, settings: Mapping[str, Any]):
        self.path = path
        self._settings = {"format": FORMAT, **settings}

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """The folder, made or taken up again, for this process alone.

        Raises: ValueError where the folder holds something else, or answers of other settings;
            BlockingIOError where another process is writing.
        """
        with alone_in(self.path, "writes answers"):
            self._begin()
            yield

    @property
    def complete(self) -> bool:
        return (self.path / SUCCESS).exists()

    def part(self, number: int) -> pathlib.Path:
        return self.path / f"part-{number:05d}.parquet"

    def counted(self, number: int) -> dict[str, int] | None:
        """What a part says of itself; None where there is no such part."""
        path = self.part(number)
        if not path.exists():
            return None
        metadata = pq.read_metadata(path).metadata or {}
        return json.loads(metadata[b"answers"])

    def write(self, number: int, table: pa.Table, counted: Mapping[str, int]) -> None:
        """A part, whole or not at all.

        Args:
            counted: what the part says of itself.
        """
        table = table.replace_schema_metadata({"answers": json.dumps(dict(counted))})
        # Numbers that hardly repeat are not worth a dictionary.
        once = {"score", "vector.list.element", "vector.list.item", "vector"}
        names = [name for name in table.column_names if name not in once]
        with replacing(self.part(number)) as sibling:
            pq.write_table(
                table, sibling, use_dictionary=names, dictionary_pagesize_limit=DICTIONARY
            )

    def finish(self) -> None:
        self._bring_to_disk()
        with replacing(self.path / SUCCESS) as sibling:
            sibling.touch()
        self._bring_to_disk()

    def _begin(self) -> None:
        manifest = self.path / MANIFEST
        if manifest.exists():
            self._check(_read(manifest))
            for left in self.path.glob(".*"):  # by a process that was killed
                if left.name.startswith((".part-", f".{SUCCESS}", f".{MANIFEST}")):
                    left.unlink()
            return
        names = [one.name for one in self.path.iterdir()]
        others = [name for name in names if not name.startswith(f".{MANIFEST}")]
        if others:
            raise ValueError(
                "Answers go into a folder of their own, which is new, empty, or one that the same "
                f"run began. Received: {self.path}, with {sorted(others)[:3]}."
            )
        with replacing(manifest) as sibling:
            sibling.write_text(json.dumps(self._settings, indent=2) + "\n", encoding="utf-8")
        self._bring_to_disk()

    def _check(self, begun: Mapping[str, Any]) -> None:
        there, here = (_flat(one) for one in (begun, json.loads(json.dumps(self._settings))))
        other = [name for name in {**there, **here} if there.get(name) != here.get(name)]
        if other:
            told = "; ".join(f"{n} is {there.get(n)!r} there, {here.get(n)!r} now" for n in other)
            raise ValueError(
                f"{self.path} was begun with other settings, and answers of both are not mixed: "
                f"repeat the settings, or take another folder. Received: {told}."
            )

    def _bring_to_disk(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(manifest: pathlib.Path) -> Mapping[str, Any]:
    """Raises ValueError that names a manifest which is no JSON object."""
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError as error:
        found = error
    if not isinstance(found, dict):
        raise ValueError(
            f"{manifest} is damaged, and tells no more what the parts beside it answer: take "
            f"another folder, or remove this one. Received: {found}."
        )
    return found


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by their paths: {"answers": {"k": 5}} to {"answers.k": 5}."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
