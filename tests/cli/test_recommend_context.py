"""What a request tells of itself on the command line: given by name, else unknown."""

import pytest
import tensorflow as tf

from tests.cli.test_recommend_ids import Asked
from tfrec_recall.cli.application import main
from tfrec_recall.cli.commands import recommend as command

SPECS = {
    "device": tf.TensorSpec([None], tf.string),
    "page": tf.TensorSpec([None], tf.int64),
    "search": tf.TensorSpec([None, None], tf.string),
}


class AskedInContext(Asked):
    features = None  # of the model card

    def __init__(self):
        super().__init__(["a", "b"])
        self.card["features"] = self.features
        self.inputs = {**self.inputs, **SPECS}
        self.context = []

    def __call__(self, queries, k, exclude, filters=None):
        self.context.append({name: queries[name].numpy().tolist() for name in SPECS})
        return super().__call__(queries, k, exclude)


def ask(monkeypatch, *arguments):
    retriever = AskedInContext()
    monkeypatch.setattr(command, "load_export", lambda _: retriever)
    with pytest.raises(SystemExit) as raised:
        main(["recommend", "export", "--item", "a", *arguments])
    return raised.value.code, retriever.context


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], {"device": [b""], "page": [-1], "search": [[b""]]}),
        (
            ["--context", "device=a=b", "--context", "page=7", "--context", "search=red,tea"],
            {"device": [b"a=b"], "page": [7], "search": [[b"red", b"tea"]]},
        ),
    ],
)
def test_the_context_is_what_is_given_and_else_unknown(given, expected, monkeypatch):
    assert ask(monkeypatch, *given) == (0, [expected])


@pytest.mark.parametrize(
    "features",
    [["user_id", "genres"], {"device": "text"}, "of visits", [{"side": "user"}], []],
    ids=str,
)
def test_features_that_python_wrote_in_another_form_say_nothing(features, monkeypatch):
    """The inputs do, as of an export without any."""
    monkeypatch.setattr(AskedInContext, "features", features)
    expected = {"device": [b"phone"], "page": [-1], "search": [[b""]]}
    assert ask(monkeypatch, "--context", "device=phone") == (0, [expected])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("devize=phone", "device, page, search. Received: devize"),
        ("page=one", "--context page takes numbers"),
        ("device", "'device' is not NAME=VALUE"),
    ],
)
def test_what_the_export_is_not_asked_with_is_refused(given, said, monkeypatch, capsys):
    code, context = ask(monkeypatch, "--context", given)
    assert code != 0
    assert not context
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_users_column_that_the_card_names_is_no_context(monkeypatch, capsys):
    listed = [{"name": name, "context": name != "device"} for name in SPECS]
    monkeypatch.setattr(AskedInContext, "features", listed)
    code, context = ask(monkeypatch, "--context", "device=phone")
    assert code != 0
    assert not context
    assert "asked with: page, search. Received: device" in " ".join(capsys.readouterr().err.split())
    assert ask(monkeypatch) == (0, [{"device": [b""], "page": [-1], "search": [[b""]]}])


def test_a_name_is_given_once(monkeypatch, capsys):
    code, _ = ask(monkeypatch, "--context", "device=a", "--context", "device=b")
    assert code != 0
    assert "'device' is given twice" in capsys.readouterr().err
