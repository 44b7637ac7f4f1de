"""The map between raw ids and the integers of embedding tables."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.data.arguments import whole
from tfrec_recall.data.files import replacing
from tfrec_recall.data.ids import id_column, of_categories, padding_of
from tfrec_recall.data.order import hashes
from tfrec_recall.data.packing import pack, unpack

PADDING = 0
UNKNOWN = 1
FIRST_KNOWN = 2  # what is below it is no id
HEADER = b"tfrec_recall.vocabulary"  # the key of Parquet's own metadata
_DTYPES = {"integer": "int64", "string": "str"}


class Vocabulary:
    """Raw ids as integers: 0 is padding, 1 is unknown, 2 and on are the known ids in order.

    Args:
        ids: the known ids, strings or integers, each once. Samplers that follow rank (log-uniform)
            need them by falling frequency, as `Vocabulary.build` gives them.
        counts: how often each occurred, `[ids]`.
        unknown_count: how often other ids occurred.

    Raises: ValueError for repeated, missing, mixed or padding ids.

    >>> vocabulary = Vocabulary.build(["tea", "cup", "tea", "pot", "pot", "tea"], min_count=2)
    >>> vocabulary.encode([["tea", "cup"], ["pot", ""]])
    array([[2, 1],
           [3, 0]], dtype=int32)
    >>> vocabulary.decode([3, 2]), vocabulary.counts
    (array(['pot', 'tea'], dtype=object), array([0, 1, 3, 2]))
    """

    def __init__(self, ids: Any, counts: Any = None, unknown_count: int = 0) -> None:
        known = id_column(_column(ids)[0].to_frame(), "vocabulary", "id")
        repeated = known[known.duplicated()]
        if len(repeated):
            raise ValueError(
                f"vocabulary: each id stands once. Received: {len(repeated):,} repetitions, the "
                f"first {repeated.head(3).tolist()}."
            )
        self._index = pd.Index(known)
        self._padding = padding_of(known)
        kind = np.int64 if self.holds_integers else object
        neither = np.array([self._padding] * FIRST_KNOWN, dtype=kind)  # padding and unknown
        self._raw = np.concatenate([neither, known.to_numpy(dtype=kind)])
        self._raw.flags.writeable = False
        self._ids = self._raw[FIRST_KNOWN:]
        self._counts = None if counts is None else self._checked(counts, unknown_count)

    @classmethod
    def build(cls, values: Any, min_count: int = 1) -> Vocabulary:
        """The vocabulary of the values seen in training, by falling frequency.

        Equal counts are ordered by the SHA-256 of the id, so that its rank says nothing else.

        Args:
            values: raw ids in any shape; missing and padding values do not count.
            min_count: ids that occur less often are unknown; their events count as unknown.
        """
        column = _column(values)[0].dropna()
        column = column[~column.isin([padding_of(column)])].reset_index(drop=True)
        ids = id_column(column.to_frame(), "vocabulary", "id")
        counts = ids.value_counts(sort=False)
        return cls.of_counts(counts, min_count)

    @classmethod
    def of_counts(cls, counts: pd.Series, min_count: int = 1) -> Vocabulary:
        """As `build`, of values that were counted before: by id, how often it is there.

        >>> Vocabulary.of_counts(pd.Series({"cup": 1, "tea": 3})).ids
        array(['tea', 'cup'], dtype=object)
        """
        whole("Vocabulary", min_count, "min_count")
        found, times = counted(counts)
        rare = times < min_count
        unknown_count = int(times[rare].sum())
        ids, times = pd.Index(found)[~rare], times[~rare]
        tied = pd.Series(times).duplicated(keep=False).to_numpy()
        words = np.zeros((4, len(times)), dtype=np.uint64)
        words[:, tied] = hashes(pd.Series(ids[tied]))
        order = np.lexsort((*words[::-1], -times))
        return cls(ids[order], times[order], unknown_count)

    def __len__(self) -> int:
        """Rows of an embedding table: padding, unknown, and the known ids."""
        return len(self._raw)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self._ids):,} {'integers' if self.holds_integers else 'strings'})"

    @property
    def ids(self) -> np.ndarray:
        """The raw known ids in order, `[len - 2]`, int64 or Python strings."""
        return self._ids

    @property
    def counts(self) -> np.ndarray:
        """How often each integer occurred, int64 `[len]`; 0 for padding, the unknown's at 1."""
        if self._counts is None:
            raise ValueError(
                "This vocabulary has no counts: use Vocabulary.build(values), or give counts=."
            )
        return self._counts

    @property
    def padding(self) -> str | int:
        """The raw padding value, `""` or `-1`."""
        return self._padding

    @property
    def holds_integers(self) -> bool:
        """Whether raw ids are integers, and not strings."""
        return pd.api.types.is_integer_dtype(self._index.dtype)

    def encode(self, values: Any) -> np.ndarray:
        """int32 of the values' shape: missing or padding 0, not known 1, known 2 and on.

        Raises: ValueError if the values are of the other type than the vocabulary.
        """
        column, shape = _column(values)
        if column.isna().all():
            return np.full(shape, PADDING, dtype=np.int32)
        self._check_type(column)
        codes, found = pd.factorize(column)
        uniques = of_categories(pd.Series(found))
        asked = uniques
        if self.holds_integers:  # of what int64 cannot hold, none is known
            asked = uniques.where((uniques >= -(2**63)) & (uniques < 2**63), 0)
        table = self._index.get_indexer(pd.Index(asked.astype(self._index.dtype))) + FIRST_KNOWN
        table[(asked != uniques).to_numpy()] = UNKNOWN
        table[table < FIRST_KNOWN] = UNKNOWN
        table[(uniques == self._padding).to_numpy()] = PADDING
        table = np.append(table, PADDING)  # factorize gives -1, the last, to missing values
        return table.astype(np.int32)[codes].reshape(shape)

    def decode(self, ids: Any) -> np.ndarray:
        """The raw ids in the shape given; padding and unknown become the raw padding value.

        Raises: ValueError for what is no integer from 0 to len - 1.
        """
        ids = np.asarray(ids)
        if ids.size == 0:
            return np.empty(ids.shape, dtype=self._raw.dtype)
        if not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(f"decode takes encoded integers. Received: {ids.dtype}.")
        if ids.min() < 0 or ids.max() >= len(self):
            raise ValueError(
                f"decode takes integers from 0 to {len(self) - 1}. "
                f"Received: {ids.min()} to {ids.max()}."
            )
        return self._raw[ids]

    def unknown(self, values: Any) -> int:
        """How many of the values are neither padding nor known."""
        return int(np.count_nonzero(self.encode(values) == UNKNOWN))

    def lookup(self) -> Any:
        """A Keras `StringLookup` or `IntegerLookup` that maps as `encode` does, for serving.

        It belongs to the Keras that `tf.keras` is, and gives int64. Missing values do not exist in
        tensors: give `padding` in their place.

        Raises: ValueError if no id is known, as Keras has no empty lookup.
        """
        import tensorflow as tf  # only serving needs it

        if len(self._ids) == 0:
            raise ValueError(
                "A lookup layer needs one known id at least: leave this feature out, or lower "
                f"min_count. Received: {self!r}."
            )
        layers = tf.keras.layers
        layer = layers.IntegerLookup if self.holds_integers else layers.StringLookup
        return layer(vocabulary=self._ids.tolist(), mask_token=self._padding)

    def get_config(self) -> dict[str, Any]:
        """All of it as plain values, for the configuration of a saved model."""
        counts = None if self._counts is None else pack(self._counts)
        return {"ids": pack(self._ids), "counts": counts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Vocabulary:
        """The vocabulary whose `get_config` this is."""
        ids = unpack(config["ids"])
        known = pd.Series(ids, dtype=_DTYPES["string" if ids.dtype == object else "integer"])
        if config["counts"] is None:
            return cls(known)
        counts = unpack(config["counts"])
        return cls(known, counts[FIRST_KNOWN:], int(counts[UNKNOWN]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the ids and their counts, whole or not at all, as `.txt` or `.parquet`.

        The text has a JSON header and then a line an id: the id as JSON, so that line breaks,
        quotes and every script survive and `7` differs from `"7"`, a tab, and its count.
        """
        path = pathlib.Path(path)
        _check_suffix(path)
        header = {
            "vocabulary": "integer" if self.holds_integers else "string",
            "known": len(self._ids),
            "unknown_count": None if self._counts is None else int(self._counts[UNKNOWN]),
        }
        counts = None if self._counts is None else self._counts[FIRST_KNOWN:]
        with replacing(path) as sibling:
            if path.suffix == ".parquet":
                kind = pa.int64() if self.holds_integers else pa.string()
                columns = {"id": pa.array(self._ids, kind)}
                if counts is not None:
                    columns["count"] = pa.array(counts)
                table = pa.table(columns).replace_schema_metadata({HEADER: json.dumps(header)})
                pq.write_table(table, sibling)
            else:
                lines = [json.dumps(one, ensure_ascii=False) for one in self._ids.tolist()]
                if counts is not None:
                    lines = [f"{one}\t{count}" for one, count in zip(lines, counts, strict=True)]
                text = "\n".join([json.dumps(header), *lines, ""])
                sibling.write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """The vocabulary that `save` wrote.

        Raises: ValueError naming the file if it is not one, or not whole.
        """
        path = pathlib.Path(path)
        _check_suffix(path)
        try:
            if path.suffix == ".parquet":
                table = pq.read_table(path)
                header = json.loads(table.schema.metadata[HEADER])
                ids = table["id"].to_pandas()
                counts = table["count"].to_numpy() if "count" in table.column_names else None
            else:
                head, *lines = path.read_text(encoding="utf-8").split("\n")[:-1]
                header = json.loads(head)
                cells = [line.split("\t") for line in lines]  # JSON escapes the tabs of ids
                ids = [json.loads(cell[0]) for cell in cells]
                counted = header["unknown_count"] is not None
                counts = np.array([int(cell[1]) for cell in cells], np.int64) if counted else None
            ids = pd.Series(ids, dtype=_DTYPES[header["vocabulary"]])
            known, unknown_count = header["known"], header["unknown_count"]
        except (pa.ArrowException, KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is not a vocabulary as Vocabulary.save writes it, or is damaged: {error}"
            ) from error
        if len(ids) != known:
            raise ValueError(
                f"{path} is cut short: its header says {known:,} ids. Received: {len(ids):,}."
            )
        return cls(ids, counts, unknown_count or 0)

    def _check_type(self, column: pd.Series) -> None:
        dtype = column.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            dtype = dtype.categories.dtype
        if pd.api.types.is_integer_dtype(dtype):
            matches = self.holds_integers
        elif isinstance(dtype, pd.StringDtype):
            matches = not self.holds_integers
        else:
            kind = pd.api.types.infer_dtype(column, skipna=True)
            matches = kind == ("integer" if self.holds_integers else "string")
        if not matches:
            known, remedy = ("integers", "int64") if self.holds_integers else ("strings", "str")
            raise ValueError(
                f"This vocabulary holds {known}, so no other type can match: use "
                f".astype({remedy!r}) if these are the same ids. Received: {dtype}, the first "
                f"{column.dropna().head(3).tolist()}."
            )

    def _checked(self, counts: Any, unknown_count: int) -> np.ndarray:
        counts = np.asarray(counts)
        integers = np.issubdtype(counts.dtype, np.integer) or counts.size == 0
        if counts.shape != self._ids.shape or not integers:
            raise ValueError(
                f"counts holds one integer an id, {self._ids.shape}. "
                f"Received: {counts.dtype} {counts.shape}."
            )
        counts = np.concatenate([[0, unknown_count], counts]).astype(np.int64)
        if counts.min() < 0:
            raise ValueError(f"counts are 0 or more. Received: {counts.min()}.")
        counts.flags.writeable = False
        return counts


def counted(counts: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """The ids that were counted, in their order, and how often each was there, int64.

    Args:
        counts: by raw id; what is missing or padding is left out.

    Raises: ValueError for mixed ids.
    """
    column = _column(counts.index)[0]
    present = (column.notna() & ~column.isin([padding_of(column)])).to_numpy()
    ids = id_column(column[present].reset_index(drop=True).to_frame(), "vocabulary", "id")
    return ids, counts.to_numpy(dtype="int64")[present]


def _check_suffix(path: pathlib.Path) -> None:
    if path.suffix not in (".txt", ".parquet"):
        raise ValueError(f"A vocabulary is a .txt or a .parquet file. Received: {path}.")


def _decoded(column: pd.Series) -> pd.Series:
    """Bytes as the text that they are.

    Raises: ValueError for bytes that are none.
    """
    try:
        return column.str.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            "Ids are Unicode text: decode the source with its true encoding, or use bytes.hex "
            f"where they are no text. Received: {error.object!r}, which is no UTF-8."
        ) from error


def _column(values: Any) -> tuple[pd.Series, tuple[int, ...]]:
    """Values of any shape as one column named "id", and their shape.

    Bytes, as TensorFlow returns strings, are decoded; floats that are integers beside missing
    values become nullable integers.
    """
    if isinstance(values, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        column, shape = pd.Series(values), (len(values),)
    else:
        # A list keeps its types: NumPy alone would turn [1, "a"] into strings.
        array = np.asarray(values, dtype=object if isinstance(values, list | tuple) else None)
        array = array.astype(object) if array.dtype.kind == "S" else array
        shape = array.shape
        column = pd.Series(array.reshape(-1), dtype=object if array.dtype == object else None)
    column = column.reset_index(drop=True).rename("id")
    if column.dtype == object:
        with contextlib.suppress(UnicodeEncodeError):  # what uses the text will refuse it
            column = column.infer_objects()
        if pd.api.types.infer_dtype(column, skipna=True) == "bytes":
            column = _decoded(column)
    if pd.api.types.is_float_dtype(column.dtype) and not column.isna().all():
        present = column.dropna().to_numpy(dtype=np.float64)
        exact = 2 ** (24 if column.dtype == np.float32 else 53)
        if (np.abs(present) < exact).all() and (present == np.rint(present)).all():
            column = column.astype("Int64")
    return column, shape
