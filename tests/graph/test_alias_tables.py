import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.references.graphs import alias_probability
from tfrec_recall.graph.alias_tables import alias_tables

weights = st.one_of(st.integers(1, 5).map(float), st.floats(1e-6, 1e6), st.just(0.1))


@settings(max_examples=150)
@given(st.lists(st.lists(weights, max_size=12), min_size=1, max_size=8))
def test_every_row_draws_in_proportion_to_its_entries(rows):
    bounds = np.cumsum([0, *map(len, rows)])
    columns = np.concatenate([np.arange(len(row)) for row in rows])
    data = np.array([weight for row in rows for weight in row])
    tables = alias_tables(sp.csr_array((data, columns, bounds), shape=(len(rows), 12)))
    for row, begin, end in zip(rows, bounds[:-1], bounds[1:], strict=True):
        alias = tables.alias[begin:end] - begin
        assert ((alias >= 0) & (alias < len(row))).all()
        found = alias_probability(tables.threshold[begin:end], alias)
        np.testing.assert_allclose(found, np.array(row) / sum(row), rtol=1e-6, atol=1e-12)


def test_what_is_used_up_to_the_last_digit_gives_no_more():
    row = np.array([1.0, 0.1, 0.1, 0.1, 1.0, 1.0])  # each heavy entry fills exactly one light one
    tables = alias_tables(sp.csr_array(row[np.newaxis]))
    found = alias_probability(tables.threshold, tables.alias)
    np.testing.assert_allclose(found, row / row.sum(), rtol=1e-6)


@pytest.mark.parametrize("at_a_time", [1, 60_000])
def test_a_long_row_beside_short_ones(at_a_time, monkeypatch):
    monkeypatch.setattr("tfrec_recall.graph.alias_tables.ENTRIES_AT_A_TIME", at_a_time)
    generator = np.random.default_rng(0)
    row = generator.pareto(1.0, 50_000) + 1e-3
    data = np.concatenate([[1.0], row, [2.0, 1.0]])
    bounds = [0, 1, 50_001, 50_003]
    columns = np.concatenate([[0], np.arange(50_000), [0, 1]])
    tables = alias_tables(sp.csr_array((data, columns, bounds), shape=(3, 50_000)))
    alias = tables.alias[1:50_001] - 1
    found = alias_probability(tables.threshold[1:50_001], alias)
    np.testing.assert_allclose(found, row / row.sum(), rtol=1e-4, atol=1e-12)
    last = alias_probability(tables.threshold[50_001:], tables.alias[50_001:] - 50_001)
    np.testing.assert_allclose(last, [2 / 3, 1 / 3], rtol=1e-6)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_weights_are_above_0(bad):
    graph = sp.csr_array(([1.0, bad], ([0, 0], [0, 1])), shape=(1, 2))
    with pytest.raises(ValueError, match=r"finite weights above 0.*Received: 1 such"):
        alias_tables(graph)
