"""Whoever lets go of an iterator does not wait for the thread that tunes it."""

import pandas as pd
import tensorflow as tf

from tfrec_recall.data import streaming
from tfrec_recall.data.feeding.untuned import untuned
from tfrec_recall.models.fitting.keras_arguments import batches


def is_tuned(dataset):
    """None where nobody said it, which is as good as True."""
    return dataset.options().autotune.enabled is not False


def test_what_is_made_of_an_untuned_dataset_is_untuned():
    dataset = tf.data.Dataset.range(3)
    assert is_tuned(dataset)
    assert not is_tuned(untuned(dataset).map(lambda row: row + 1).batch(2).repeat())


def test_batches_of_rows_of_files_and_one_in_a_dictionary_are(tmp_path):
    pd.DataFrame({"row": [0, 1, 2]}).to_parquet(tmp_path / "part.parquet")
    assert not is_tuned(streaming.batches(3, 2))
    assert not is_tuned(streaming.parquet(tmp_path, ["row"], 2))
    assert not is_tuned(batches({"item_id": [1, 2]}))
