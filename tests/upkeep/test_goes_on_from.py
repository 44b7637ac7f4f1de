"""An update goes on from the version that it was given."""

import pytest

from tests.cli.conftest import printed
from tests.upkeep.conftest import EVENTS, day
from tfrec_recall.export.version_files import card_of
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.state import TrainingState


def test_a_version_that_is_named_goes_on_instead_of_the_newest(popular, tmp_path, capsys):
    update(popular, day(1), force=True)
    file = tmp_path / "events.parquet"
    day(2).events.to_parquet(file)
    said = printed("update", capsys, popular / "1", "--events", file, "--force").err
    assert "what later ones learnt, up to version 2, is not in it" in " ".join(said.split())
    assert card_of(popular / "3")["data"]["updated"]["from"] == "1"
    assert TrainingState.of(popular / "3").size() == 2 * EVENTS
    with pytest.raises(ValueError, match=r"state of this version is gone.* newest 2 versions stay"):
        update(popular / "1", day(3), force=True)
