"""What `train` tunes its index with, and what it says of it."""

import warnings

import pytest
import typer

from tfrec_recall.cli.arguments import index as options
from tfrec_recall.cli.commands import train
from tfrec_recall.retrieval import Auto, IndexNotice, InvertedFile, ScaNN


class Model:
    """Asks what it was given for what it would ask of it."""

    def __init__(self, inputs):
        self.inputs = inputs

    def retriever(self, items, index, k, tuning_queries):
        warnings.warn("it falls short", IndexNotice, stacklevel=1)
        warnings.warn("of no interest", DeprecationWarning, stacklevel=1)
        return tuning_queries(self.inputs)


def test_what_the_server_has_not_is_not_chosen():
    assert options.index_of(options.Kind.auto, scann_ops=False) == Auto(scann=False)
    assert options.index_of(options.Kind.inverted_file, scann_ops=False) == InvertedFile()
    with pytest.raises(typer.BadParameter, match="take inverted-file or auto"):
        options.check_server(options.Kind.scann, scann_ops=False)


def test_a_recall_is_that_of_approximate_search():
    kinds = (
        (options.Kind.auto, Auto),
        (options.Kind.scann, ScaNN),
        (options.Kind.inverted_file, InvertedFile),
    )
    for name, kind in kinds:
        assert options.index_of(name, recall=0.99) == kind(0.99)
        assert options.index_of(name) == kind(0.95)
        options.check_recall(name, 0.99)
    with pytest.raises(typer.BadParameter, match="exact finds all: take another index"):
        options.check_recall(options.Kind.exact, 0.99)
    for recall in (0.0, 1.0, 99.0, float("nan")):
        with pytest.raises(typer.BadParameter, match=f"such as 0.99. Received: {recall}"):
            options.check_recall(options.Kind.auto, recall)


def test_short_vectors_are_those_of_an_inverted_file():
    kind = options.Kind
    assert options.index_of(kind.inverted_file, int8=True) == InvertedFile(int8=True)
    for other in (kind.auto, kind.scann, kind.exact, None):
        options.check_int8(other, False)
        with pytest.raises(typer.BadParameter, match="of --index inverted-file"):
            options.check_int8(other, True)


@pytest.fixture
def trained(retriever):
    class Trained:
        model = Model(retriever.inputs)

    return Trained()


def test_the_index_is_tuned_with_histories_of_validation_users(trained, split, capsys):
    asked = train.indexed(trained, split, ScaNN(), k=5)["history"].numpy()
    past = split.validation.history.groupby("user_id")["item_id"].agg(list).sort_index()
    assert [[item.decode() for item in row if item] for row in asked] == list(past)
    said = capsys.readouterr().err
    assert "it falls short" in said
    assert "of no interest" not in said


def test_nothing_is_measured_beyond_the_lists(retriever, split, monkeypatch, capsys):
    monkeypatch.setattr(retriever, "k", 20)
    assert {"recall@10"} == {n for n in train.measure(retriever, split).metrics if "recall@" in n}
    assert "Lists have 20 items: nothing is measured at 50, 100." in capsys.readouterr().err
    train.check_length(20, (5, 20))
    with pytest.raises(typer.BadParameter, match="the largest of --cuts"):
        train.check_length(20, (5, 50))
