"""What Python and the workers both open is in a file system that they share."""

import pathlib

import pytest

pytest.importorskip("pyspark", reason="these tests need PySpark: pip install 'pyspark>=4,<5'")

from tfrec_recall import spark as on
from tfrec_recall.spark import parted
from tfrec_recall.spark.folders import for_spark, shared_path

ELSEWHERE = ["s3a://bucket/parts", pathlib.Path("s3a://bucket/parts"), "dbfs:/x", "file://host/x"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("/data/für 100%/a:b", "/data/für 100%/a:b"),
        ("file:///data/my shop", "/data/my shop"),
        ("file:/data/a%20b", "/data/a%20b"),
        (pathlib.Path("file:///data/x"), "/data/x"),
        ("file://localhost/data/x", "/data/x"),
    ],
)
def test_a_place_is_that_of_its_signs(given, found):
    assert str(shared_path("it", given)) == found
    assert for_spark(shared_path("it", given)) == f"file://{found}"


def test_a_relative_place_is_of_the_working_directory():
    assert shared_path("it", "run:7/parts") == pathlib.Path("run:7/parts").absolute()


@pytest.mark.parametrize("place", ELSEWHERE)
def test_other_file_systems_are_refused_before_anything_is_done(place):
    for step, arguments in (
        (on.write_parts, ()),
        (on.save_vocabulary, ()),
        (on.recommendations, (5,)),
    ):
        with pytest.raises(ValueError, match=rf"{step.__name__} takes a place .* Received: '"):
            step(None, place, *arguments)


def test_what_the_workers_wrote_elsewhere_is_missed(on_spark, tmp_path, monkeypatch):
    monkeypatch.setattr(parted, "_scatter", lambda *_: [])
    with pytest.raises(FileNotFoundError, match=r"and 0 of them are here.*that they share"):
        on.write_parts(on_spark, tmp_path / "parts")
    assert not list(tmp_path.iterdir())


def test_a_worker_without_the_folder_says_that_it_is_not_shared(spark, tmp_path):
    counted = spark.createDataFrame([("a", 2)], "id string, count bigint")
    with pytest.raises(Exception, match="is shared by all workers: this one does not find it"):
        on.save_vocabulary(counted, tmp_path / "none" / "items.parquet")
