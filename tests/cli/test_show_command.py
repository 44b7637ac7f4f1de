"""`show` tells what an export says of itself, also of what its card lacks."""

import functools
import json
import shutil

import pytest

from tests.cli.conftest import printed
from tests.retrieval.toys import retriever as toy
from tfrec_recall.export import export
from tfrec_recall.export.repository import repository

run = functools.partial(printed, "show")


def rows(output):
    """Name -> what stands beside it, of the facts and the figures."""
    parts = (line.split(maxsplit=1) for line in output.splitlines() if line.split()[1:])
    return {name: value.strip() for name, value in parts}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Two versions; the newer one with figures by cut, without one, and that are no numbers."""
    path = tmp_path_factory.mktemp("exports") / "toy"
    export(toy(20), path)
    metrics = {"recall@5": 0.25, "recall@50": 0.75, "ndcg@5": 0.125, "users": 1200.0}
    told = {"measured at night": "yes", "recall@all": None}
    export(toy(40), path, metrics={**metrics, **told})
    return path


def test_the_newest_version_is_told(measured, capsys):
    facts = rows(run(capsys, measured).out)
    assert facts["versions"] == "1, 2"
    assert facts["items"] == "40"
    assert facts["list"] == "5 items"
    assert facts["index"] == "exact, recall 1.000; similar items: exact, recall 1.000"
    assert facts["model"] == "not told"
    assert rows(run(capsys, measured / "1").out)["items"] == "20"


def test_what_it_was_trained_on_is_told(exported, folder, capsys):
    facts = rows(run(capsys, exported).out)
    assert facts["model"] == "even"
    assert facts["seed"] == "7"
    commit = repository()
    assert facts["commit"][:9] == ("not told" if commit is None else commit["commit"])[:9]
    assert facts["data"][:8] == str(folder)[:8]


def test_signatures_are_told_with_types_and_axes(measured, capsys):
    output = run(capsys, measured).out
    for part in ("serving_default", "exclude: string [?, ?]", "score: float32 [?, 5]"):
        assert part in output
    assert "similar_items" in output
    assert "query: float32 [?, 6]" in output


def test_figures_stand_under_their_cuts(measured, capsys):
    output = run(capsys, measured).out
    table = rows(output)
    assert table["metric"].split() == ["@5", "@50"]
    assert table["recall"].split() == ["0.2500", "0.7500"]
    assert table["ndcg"].split() == ["0.1250"]
    assert "users 1,200, measured at night yes, recall@all not told" in output
    assert "No figures" in run(capsys, measured / "1").out


def test_what_an_index_missed_and_what_serves_instead_is_told(measured, tmp_path, capsys):
    shutil.copytree(measured / "2", tmp_path / "2")
    path = tmp_path / "2" / "assets.extra" / "model_card.json"
    card = json.loads(path.read_text())
    missed = {"kind": "scann", "recall": 0.8125, "settings": {"recall": 0.95}}
    exact = card["retriever"]["index"] | {"instead_of": missed, "warning": "It reached 0.8125."}
    card["retriever"] |= {
        "index": exact,
        "similar_items_index": missed | {"recall": 0.5, "warning": "It serves all the same."},
    }
    card["warmup"]["refused"] = {"embed_item": "no such row"}
    path.write_text(json.dumps(card))
    said = run(capsys, tmp_path)
    for told, output in (
        ("exact, recall 1.000, instead of scann, recall 0.812 of 0.95 asked for", said.out),
        ("similar items: scann, recall 0.500 of 0.95 asked for", said.out),
        ("Index: It reached 0.8125.", said.err),
        ("Index of similar items: It serves all the same.", said.err),
        ("No warm-up request of embed_item, which refuses it: no such row.", said.err),
    ):
        assert told in " ".join(output.split())


def test_json_is_the_card_and_what_lies_on_disk(measured, capsys):
    version = measured / "2"
    told = json.loads(run(capsys, measured, "--json", "-").out)
    card = json.loads((version / "assets.extra" / "model_card.json").read_text())
    assert told.pop("export") == str(version)
    assert told.pop("bytes") == sum(p.stat().st_size for p in version.rglob("*") if p.is_file())
    assert told == card


@pytest.mark.parametrize("text", [None, "{", "[1]"], ids=["none", "cut short", "no object"])
def test_a_card_that_cannot_be_read_is_an_error(measured, tmp_path, capsys, text):
    copy = tmp_path / "1"
    shutil.copytree(measured / "1", copy)
    card = copy / "assets.extra" / "model_card.json"
    card.unlink() if text is None else card.write_text(text)
    assert "has no model card that can be read" in run(capsys, copy, code=1).err


def test_what_is_no_export_is_an_error(tmp_path, capsys):
    assert "There is no export at" in run(capsys, tmp_path, code=1).err
