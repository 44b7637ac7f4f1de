from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.kinds import WrongKind, of_kinds
from tfrec_recall.retrieval.index import IndexSettings

EVENTS = pd.DataFrame({"user_id": [1], "item_id": [2]})
HELD = Interactions(EVENTS)


class Mine(Interactions):
    """Interactions of a user's own."""


@of_kinds
def counted(number, interactions: Interactions | None = None, items: pd.DataFrame | None = None):
    """Counts."""
    return number


@pytest.mark.parametrize("held", [HELD, Mine(EVENTS), None])
def test_what_is_of_the_kind_passes(held):
    assert counted(3, held) == counted(3, interactions=held) == 3
    assert counted(3, held, EVENTS) == counted(number=3) == 3


def test_what_is_not_is_refused_wherever_it_stands():
    for refused in (WrongKind, TypeError, ValueError):
        with pytest.raises(refused, match=r"^counted takes interactions as Interactions or None: "):
            counted(3, EVENTS)
    with pytest.raises(WrongKind, match=r"Received: interactions of the kind DataFrame\."):
        counted(3, interactions=EVENTS)
    with pytest.raises(WrongKind, match=r"items as DataFrame or None: interactions\.items"):
        counted(3, HELD, items=HELD)


def test_tables_of_items_and_users_have_their_ids():
    with pytest.raises(ValueError, match=r"with the column 'item_id'\. Received: 'user_id'\."):
        counted(3, items=EVENTS[["user_id"]])


def test_a_function_stays_what_it_was():
    assert (counted.__name__, counted.__doc__) == ("counted", "Counts.")
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'number'"):
        counted()


def test_arguments_without_a_kind_take_that_of_another_function():
    def here(number, interactions):
        return number

    with pytest.raises(WrongKind, match="here takes interactions as Interactions or None"):
        of_kinds(here, like=counted)(1, 2)


def test_what_answers_as_a_retriever_is_one():
    class Peer:
        item_ids = ()

    @of_kinds
    def asked(retriever: Retriever):  # noqa: F821  a name is all that is looked at
        return retriever

    assert asked(Peer()).item_ids == ()
    with pytest.raises(WrongKind, match=r"takes retriever as Retriever: model\.retriever\(items\)"):
        asked(HELD)


def other_frame(library, convert):
    """A table of another library, which no extra of the package brings."""
    made = {"__module__": f"{library}.frame", convert: lambda self: EVENTS, "columns": ["item_id"]}
    return type("DataFrame", (), made)()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (other_frame("polars", "to_pandas"), r"\.to_pandas\(\) makes one\..*polars\.DataFrame"),
        (other_frame("pyspark", "toPandas"), r"\.toPandas\(\) makes one of.*pyspark\.DataFrame"),
        (pa.table({"item_id": [2]}), r"\.to_pandas\(\) makes one\..*pyarrow\.Table"),
    ],
)
def test_a_table_of_another_library_is_named_with_the_way_to_one_of_pandas(table, told):
    with pytest.raises(WrongKind, match=f"^counted takes items as DataFrame or None: {told}"):
        counted(3, items=table)
    with pytest.raises(ValueError, match=f"^events is a pandas DataFrame: {told}"):
        Interactions(table)


def drawn(seed: int = 0):
    return seed


def test_sizes_and_seeds_are_whole_numbers():
    @of_kinds
    def asked(k: int = 100, batch_size: int | None = None, epochs=2):
        return k, batch_size, epochs

    assert asked(np.int64(3), None, "2") == (3, None, "2")  # which no annotation names
    for k in ("10", 10.0, 0, True, None):
        with pytest.raises(ValueError, match=r"asked takes k as a whole number from 1 up\."):
            asked(k=k)
    with pytest.raises(ValueError, match=r"drawn takes seed as a whole number from 0 up\."):
        of_kinds(drawn)(-1)
    assert of_kinds(drawn)(0) == 0
    with pytest.raises(ValueError, match=r"from 1 up, or None\. Received: batch_size='32'\."):
        asked(3, "32")


def test_what_builds_is_an_index_and_its_name_or_class_is_none():
    @of_kinds
    def searched(index: IndexSettings | None = None):
        return index

    class Settings:
        def build(self, vectors):
            return vectors

    mine = Settings()
    assert searched(mine) is mine
    for wrong, said in (("scann", "str"), (Settings, "type")):
        with pytest.raises(WrongKind, match=rf"and Auto\(\) of retrieval are\..*the kind {said}\."):
            searched(wrong)
