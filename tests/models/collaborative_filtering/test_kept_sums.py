import numpy as np
import pytest
import scipy.sparse as sp

from tfrec_recall.models.collaborative_filtering import kept_sums
from tfrec_recall.models.collaborative_filtering.kept_sums import COLUMNS, KeptSums


def drawn(seed, size):
    return sp.random_array((size, size), density=0.3, format="csr", rng=seed)


@pytest.mark.parametrize("at_a_time", [1, 7, 1000])
def test_rows_in_files_are_those_in_memory(tmp_path, monkeypatch, at_a_time):
    """With what was added before and after the matrix has grown, and after the files are gone."""
    monkeypatch.setattr(kept_sums, "PAIRS_AT_A_TIME", at_a_time)
    first, second, third = drawn(1, 8), drawn(2, 8), drawn(3, 11)
    KeptSums(first, 8).write(tmp_path)
    in_files = KeptSums.read(tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    in_memory = KeptSums(first, 8)
    stays = np.ones(11, bool)
    for both in range(3):
        expected = np.zeros((11, 11))
        expected[:8, :8] = first.toarray() + (second.toarray() if both else 0)
        expected += third.toarray() if both == 2 else 0
        for sums in (in_files, in_memory):
            wide = sums.grown(stays)
            np.testing.assert_allclose(wide.whole().toarray(), expected)
            for asked in ([0, 1, 2], [0, 2, 3, 7, 8, 10], [9], []):
                asked = np.array(asked, int)
                np.testing.assert_allclose(wide.rows(asked).toarray(), expected[asked])
                entries = np.count_nonzero(expected[asked], axis=1)
                assert (wide.entries[asked] >= entries).all()
                parts = [wide.rows(asked[some]).toarray() for some in wide.blocks(asked)]
                np.testing.assert_allclose(np.vstack([*parts, expected[:0]]), expected[asked])
            wide.write(tmp_path)
            np.testing.assert_allclose(KeptSums.read(tmp_path).whole().toarray(), expected)
        if both < 2:
            step = (second, third)[both]
            in_files, in_memory = (
                (one if both == 0 else one.grown(stays)).plus(step) for one in (in_files, in_memory)
            )


def test_a_number_that_is_anothers_by_now_has_nothing(tmp_path):
    first = drawn(4, 6)
    KeptSums(first, 6).write(tmp_path)
    same = np.array([True, True, False, True, True, False, True])
    found = KeptSums.read(tmp_path).plus(first).grown(same)
    expected = np.zeros((7, 7))
    expected[:6, :6] = 2 * first.toarray()
    expected[~same], expected[:, ~same] = 0, 0
    np.testing.assert_allclose(found.whole().toarray(), expected)


@pytest.mark.parametrize("left", [12, 11])
def test_a_file_that_ends_early_is_told(tmp_path, left):
    KeptSums(drawn(1, 8), 8).write(tmp_path)
    file = tmp_path / COLUMNS
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(ValueError, match=r"go on from an earlier version\. Received: .*columns"):
        KeptSums.read(tmp_path).whole()
