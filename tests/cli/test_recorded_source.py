"""What an export's card says of its data."""

from tfrec_recall.cli.arguments.source import Source


def test_the_name_of_a_data_set_wins_over_a_folder_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "online-retail").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Source("online-retail").recorded()["data"] == "online-retail"
    assert Source().recorded()["data"] == "online-retail"


def test_a_place_is_recorded_so_that_it_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path)
    recorded = Source("shop", items="items.csv").recorded()
    assert recorded["data"] == str((tmp_path / "shop").resolve())
    assert recorded["items"] == str((tmp_path / "items.csv").resolve())
