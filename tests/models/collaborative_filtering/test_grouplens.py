"""The example of CSCW 1994: what Ken thinks of article 6, which Lee and Meg have rated."""

import pandas as pd
import pytest

from tests.references import similarity as alike
from tests.references.collaborative_filtering import grouplens
from tfrec_recall.data import Interactions
from tfrec_recall.export import export, load
from tfrec_recall.models import UserCF

RATINGS = {
    "Ken": {"1": 1.0, "2": 5.0, "4": 2.0, "5": 4.0},
    "Lee": {"1": 4.0, "2": 2.0, "4": 5.0, "5": 1.0, "6": 2.0},
    "Meg": {"1": 2.0, "2": 4.0, "3": 3.0, "6": 5.0},
}
OF_PAPER = 3 + (0.8 + 2) / 1.8  # 4.56: Lee's -.8 of 2 - 3, Meg's 1 of 5 - 3
OVER_ALL = 3 + (0.64 + 1.5) / 1.8  # 4.19: their means over all that they rated are 2.8 and 3.5
OF_KEN = {
    "user_id": ["Ken"],
    "history": [[*RATINGS["Ken"], ""]],
    "history_rating": [[*RATINGS["Ken"].values(), 0.0]],
}


def near(value):  # float32
    return pytest.approx(value, rel=1e-4)


@pytest.fixture(scope="module")
def train():
    rows = [(user, item, value) for user, row in RATINGS.items() for item, value in row.items()]
    return Interactions(pd.DataFrame(rows, columns=["user_id", "item_id", "rating"]))


def learnt(train, **settings):
    model = UserCF.published(UserCF.default_features(train).adapt(train), **settings)
    model.fit(train)
    return model


def test_the_reference_is_the_papers():
    found = grouplens(RATINGS, "Ken", "6", lambda x, y: alike.pearson(x, y, 2))
    assert found == near(OF_PAPER)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("neighbours", [None, 2])
@pytest.mark.parametrize(("common_means", "expected"), [(True, OF_PAPER), (False, OVER_ALL)])
def test_what_ken_thinks_of_article_6(train, neighbours, common_means, expected):
    model = learnt(train, neighbours=neighbours, common_means=common_means)
    pair = pd.DataFrame({"user_id": ["Ken"], "item_id": ["6"]})
    assert model.predict_ratings(pair)[0] == near(expected)
    assert model.predict_ratings(pair, centred=False)[0] == near((-0.8 * 2 + 5) / 1.8)
    retriever = model.retriever(train.items)
    assert retriever.predict_rating(OF_KEN, [["6"]]).numpy()[0, 0] == near(expected)


def test_what_an_export_says_of_it_also_to_a_stranger_who_rates_as_ken_does(train, tmp_path):
    retriever = load(export(learnt(train).retriever(train.items), tmp_path / "model"))
    strange = {**OF_KEN, "user_id": ["Ann"]}  # whom Ken, who is like her, tells nothing of 6
    for query in (OF_KEN, strange):
        assert retriever.predict_rating(query, [["6"]]).numpy()[0, 0] == near(OF_PAPER)
        ids, scores = retriever(query, exclude=query["history"], k=2)
        assert ids.numpy().tolist() == [[b"6", b"3"]]
        assert scores.numpy()[0] == near([OF_PAPER, 3.0])
