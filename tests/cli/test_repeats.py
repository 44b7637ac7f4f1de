"""An export that was trained with --repeats lists what users had, unless it is told otherwise."""

import json

import pandas as pd
import pytest

from tests.cli.conftest import printed, run
from tfrec_recall.cli.known import Known
from tfrec_recall.serving.versions import Versions

START = 1_600_000_000


@pytest.fixture(scope="module", params=["--repeats", "--no-repeats"])
def trained(request, tmp_path_factory):
    """Most-popular of a shop where everybody bought "top" twice; and whether repeats are ranked."""
    folder = tmp_path_factory.mktemp("shop")
    rows = [
        (f"u{user}", item, START + place)
        for user in range(8)
        for place, item in enumerate(["top", "top", f"i{user}", f"i{(user + 1) % 8}"])
    ]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    events.to_csv(folder / "events.csv", index=False)
    measured = ["--data", folder, "--split", "last:1", request.param]
    run("train", "popular", *measured, "--export", folder / "export")
    return folder / "export", request.param == "--repeats"


OPTIONS = [([], None), (["--repeats"], True), (["--no-repeats"], False)]


@pytest.mark.parametrize(("options", "said"), OPTIONS)
@pytest.mark.parametrize("asked", [["--user", "u3"], ["--item", "top"]])
def test_recommend_goes_by_the_card(trained, options, said, asked, capsys):
    export, ranked = trained
    capsys.readouterr()
    found = printed("recommend", capsys, export, *asked, *options, "--json", "-").out
    (one,) = json.loads(found)["lists"]
    items = [item["item_id"] for item in one["items"]]
    assert "top" in one["history"]
    assert ("top" in items) == (ranked if said is None else said)


@pytest.mark.parametrize(("options", "said"), OPTIONS)
def test_batch_goes_by_the_card(trained, options, said, tmp_path):
    export, ranked = trained
    run("batch", export, *options, "--out", tmp_path / "lists")
    (part,) = (tmp_path / "lists").glob("part-*.parquet")
    listed = "top" in set(pd.read_parquet(part)["item_id"])
    assert listed == (ranked if said is None else said)


def test_batch_of_items_has_nothing_to_repeat(trained, tmp_path, capsys):
    wrong = ["--what", "similar-items", "--no-repeats", "--out", tmp_path / "lists"]
    assert "leave" in printed("batch", capsys, trained[0], *wrong, code=2).err


def test_the_page_begins_as_the_export_was_trained(trained):
    export, ranked = trained
    with Versions(export).using("export") as service:
        assert Known(None, "").about(service.servable)["repeats"] == ranked
