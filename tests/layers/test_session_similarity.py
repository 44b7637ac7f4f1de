import numpy as np
import pytest

from tests.references.session_similarity import session_similarity
from tfrec_recall.layers import SessionSimilarity

GENERATOR = np.random.default_rng(3)
CANDIDATE = GENERATOR.normal(size=(3, 2, 4)).astype("float32")  # [batch, candidates, dim]
HISTORY = GENERATOR.normal(size=(3, 5, 4)).astype("float32")
GROUPS = np.array([[1, 2, 1, 3, 2], [7, 7, 7, 7, 7], [1, 1, 2, 2, 2]])
PRESENT = np.array([[1, 1, 1, 0, 1], [0, 0, 0, 0, 0], [1, 0, 1, 1, 0]], bool)


def test_equals_the_nearest_centroid():
    found = SessionSimilarity()((CANDIDATE, HISTORY), groups=GROUPS, mask=PRESENT)
    expected = session_similarity(CANDIDATE, HISTORY, GROUPS, PRESENT)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert (found.numpy()[1] == 0).all()  # an empty list


def test_without_groups_there_is_one_centroid():
    found = SessionSimilarity()((CANDIDATE, HISTORY), mask=PRESENT)
    expected = session_similarity(CANDIDATE, HISTORY, np.zeros_like(GROUPS), PRESENT)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (2, 5)])
def test_padding_is_inert(left, right):
    sides = [(0, 0), (left, right)]
    history = np.pad(HISTORY, [*sides, (0, 0)], constant_values=np.nan)
    groups = np.pad(GROUPS, sides, constant_values=1)
    found = SessionSimilarity()((CANDIDATE, history), groups=groups, mask=np.pad(PRESENT, sides))
    np.testing.assert_allclose(
        found, SessionSimilarity()((CANDIDATE, HISTORY), groups=GROUPS, mask=PRESENT), rtol=1e-6
    )


def test_a_history_of_no_width_is_an_empty_list():
    assert (SessionSimilarity()((CANDIDATE, HISTORY[:, :0])).numpy() == 0).all()


def test_rank_error_says_what_came():
    with pytest.raises(ValueError, match=r"takes a tuple of candidate.*Received: .*\(3, 4\)"):
        SessionSimilarity()((CANDIDATE[:, 0], HISTORY))
