"""What a split on Spark is made of: parts of the events, each with the past that goes with it."""

from __future__ import annotations

import dataclasses

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tfrec_recall.data.splits.saved import ABOUT
from tfrec_recall.data.splits.saved import TRAIN as SAVED
from tfrec_recall.spark.folders import Folder, whole_folder
from tfrec_recall.spark.interactions import SparkInteractions
from tfrec_recall.spark.names import each, own

TRAIN, VALIDATION, TEST = range(3)
PART, WANTED, ASKED = map(own, ("part", "wanted", "asked"))


@dataclasses.dataclass(frozen=True, eq=False)
class SparkPart:
    """What is asked of a model: the past of some users, and what they turned to next.

    Args:
        history: the events that a model may know of these users.
        targets: the events to predict; its users are those who are counted.
    """

    history: DataFrame
    targets: DataFrame


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SparkSplit:
    """A data set cut into what models learn from, are tuned on and are measured on.

    Args:
        name: the call that made it, for reports.
        interactions: everything.
        labelled: the events with the number of their part (`_tfrec_part`), whether they are wanted
            as targets, and whether their user is asked about in validation and in test.
        published: it came with the data.
    """

    name: str
    interactions: SparkInteractions
    labelled: DataFrame
    published: bool = False

    def __repr__(self) -> str:
        return f"SparkSplit({self.name} of {self.interactions.name})"

    @property
    def train(self) -> SparkInteractions:
        """What models, vocabularies and counts are made of; all users and items, fewer events."""
        return self.interactions.with_events(self._events(F.col(PART) == TRAIN))

    @property
    def validation(self) -> SparkPart:
        """Targets to tune on; the history is the users' events in train."""
        return self._asked(VALIDATION)

    @property
    def test(self) -> SparkPart:
        """Targets to look at once; the history is train and validation."""
        return self._asked(TEST)

    def save(self, folder: Folder) -> None:
        """Writes `train`, as `SparkInteractions.save`, and `history` and `targets` of the others.

        `tfrec_recall.data.load_split(folder)` opens it, which `tfrec-recall train --data` does, and
        `Interactions.from_folder(folder/"train")` reads the first alone.
        """
        kept = dataclasses.replace(self, labelled=self.labelled.persist(StorageLevel.DISK_ONLY))
        try:
            with whole_folder(self.interactions.spark, folder) as sibling:
                kept.train.save(f"{sibling}/{SAVED}")
                row = (self.name, self.published, self.interactions.time_unit)
                columns = "name string, published boolean, time_unit string"
                about = self.interactions.spark.createDataFrame([row], columns)
                about.coalesce(1).write.parquet(f"{sibling}/{ABOUT}")
                for on in ("validation", "test"):
                    part: SparkPart = getattr(kept, on)
                    part.history.write.parquet(f"{sibling}/{on}/history")
                    part.targets.write.parquet(f"{sibling}/{on}/targets")
        finally:
            self.labelled.unpersist()

    def _asked(self, part: int) -> SparkPart:
        past, asked = F.col(PART) < part, F.col(f"{ASKED}{part}")
        return SparkPart(
            history=self._events(past & asked),
            targets=self._events((F.col(PART) == part) & F.col(WANTED)),
        )

    def _events(self, which: Column) -> DataFrame:
        return self.labelled.where(which).select(*each(self.interactions.events.columns))
