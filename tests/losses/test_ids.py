"""Ids that losses compare are the same where their numbers are, whatever their types."""

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.layer_cases import some
from tfrec_recall.layers import RunningMean, SessionSimilarity, SideInfoPooling
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
    assert [ids.dtype for ids in alike("Loss", a=IDS, b=IDS[:, None])] == ["int32", "int32"]
    assert alike("Loss", a=None, b=IDS)[0] is None
    (text,) = alike("Loss", a=np.array(["a", "b", "a"]))
    assert text.dtype == "string"
    (sent,) = alike("Loss", across_replicas=True, a=np.array(["a", "b", "a"]))
    assert sent.dtype == "int64"
    np.testing.assert_array_equal(sent[0] == sent, [True, False, True])


def in_batch(**ids):
    return InBatchSoftmax(remove_accidental_hits=True)(QUERY, ITEM, **ids)


def sampled(**ids):
    given = {"positive_ids": IDS, "negative_ids": IDS, "own_negative_ids": IDS[:, None], **ids}
    return SampledSoftmax()((QUERY, ITEM, ITEM / 2), own_negatives=some(4, 1, 3), **given)


def pooled(item_id):
    return SideInfoPooling(items=9, side_info="weighted")(some(4, 2, 3), item_id=item_id)


def beside(groups):
    return SessionSimilarity()((some(4, 1, 3), some(4, 1, 3)), groups=groups)


def run(places):
    return RunningMean()((some(4, 5, 3), places))


IDS_OF = [
    (in_batch, {"candidate_ids": IDS}),
    (in_batch, {"candidate_ids": IDS, "excluded_ids": IDS[:, None]}),
    (sampled, {"positive_ids": IDS}),
    (sampled, {"negative_ids": IDS}),
    (sampled, {"excluded_ids": IDS[:, None]}),
    (sampled, {"own_negative_ids": IDS[:, None]}),
    (pooled, {"item_id": IDS}),
    (beside, {"groups": IDS[:, None]}),
    (run, {"places": IDS[:, None]}),
]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("called", "ids"), IDS_OF, ids=[list(ids)[-1] for _, ids in IDS_OF])
def test_ids_of_a_type_without_all_integers_are_refused(called, ids, kind):
    called(**ids)
    name = list(ids)[-1]
    with pytest.raises(ValueError, match=rf"`{name}` as integers.*dtype='int64'.*of float"):
        called(**{**ids, name: ids[name].astype(kind)})


def test_an_input_without_a_type_is_refused():
    inputs = [tf.keras.Input([3]), tf.keras.Input([3]), tf.keras.Input(())]
    with pytest.raises(ValueError, match=r"`candidate_ids` as integers or strings.*of float32"):
        InBatchSoftmax(remove_accidental_hits=True)(*inputs[:2], candidate_ids=inputs[2])


@pytest.mark.parametrize("name", ["positive_ids", "excluded_ids", "own_negative_ids"])
def test_strings_among_integers_are_refused_with_both_names(name):
    text = IDS.astype(str) if name == "positive_ids" else IDS[:, None].astype(str)
    with pytest.raises(ValueError, match=r"`negative_ids` of int32") as refusal:
        sampled(**{name: text})
    assert f"`{name}` of string" in str(refusal.value)
    with pytest.raises(ValueError, match=r"`candidate_ids` of int32, `excluded_ids` of string"):
        in_batch(candidate_ids=IDS, excluded_ids=IDS[:, None].astype(str))
