"""Ids that losses compare are the same where their numbers are, whatever their types."""

import numpy as np
import pytest

from tests.contract.layer_cases import some
from tfrec_recall.losses import InBatchSoftmax, SampledSoftmax
from tfrec_recall.losses.excluded import alike

BEYOND = 2**32  # of int32: cut to its bits, BEYOND + 5 is 5
IDS = np.array([5, 6, 7, 8], "int32")
REVERSED = IDS[::-1].copy()
OTHERS = np.array([[5], [6], [7], [5]]) + BEYOND
QUERY, ITEM = some(4, 3), some(4, 3)[::-1] + 1


@pytest.mark.parametrize("whole", [False, True])
def test_a_wide_id_is_no_other_among_the_candidates_of_a_batch(whole):
    loss = InBatchSoftmax(remove_accidental_hits=True, whole=whole)
    expected = float(loss(QUERY, ITEM, candidate_ids=IDS))
    assert float(loss(QUERY, ITEM, candidate_ids=IDS, excluded_ids=OTHERS)) == expected
    assert float(loss(QUERY, ITEM, candidate_ids=IDS, excluded_ids=IDS[::-1, None])) != expected
    more = {"extra_candidates": ITEM[:2] / 2}
    apart, wide = (
        float(loss(QUERY, ITEM, candidate_ids=IDS, extra_candidate_ids=ids, **more))
        for ids in (np.array([1, 2], "int32"), OTHERS[:2, 0])
    )
    assert wide == apart


def test_a_wide_id_is_no_other_among_samples():
    own = {"own_negatives": some(4, 1, 3)}
    loss, far, near = SampledSoftmax(), np.full((4, 1), 10, "int32"), IDS[[2, 2, 0, 0], None]

    def of(excluded, own_ids, negative_ids=REVERSED):
        ids = {"positive_ids": IDS, "negative_ids": negative_ids, "excluded_ids": excluded}
        return float(loss((QUERY, ITEM, ITEM / 2), **ids, **own, own_negative_ids=own_ids))

    unmet = of(far + 1, far)
    assert of(OTHERS, far) == unmet
    assert of(OTHERS, near) == of(far + 1, near)  # OTHERS[3] ends in the bits of near[3]
    assert of(far + 1, OTHERS) == unmet
    assert of(np.tile(OTHERS, 2), OTHERS + 4) == unmet  # several are found in another way
    assert of(IDS[:, None][::-1], far) != unmet
    others = of(far + 1, far, np.array([1, 2, 3, 4], "int32"))
    assert of(far + 1, far, REVERSED.astype("int64") + BEYOND) == others


def test_ids_of_one_type_stay_as_they_are():
    assert [ids.dtype for ids in alike(IDS, IDS[:, None])] == ["int32", "int32"]
    assert alike(None, IDS)[0] is None
    (text,) = alike(np.array(["a", "b", "a"]))
    assert text.dtype == "string"
    (sent,) = alike(np.array(["a", "b", "a"]), across_replicas=True)
    assert sent.dtype == "int64"
    np.testing.assert_array_equal(sent[0] == sent, [True, False, True])
