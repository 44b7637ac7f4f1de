"""How often `watch` raises an alarm on days of one distribution: at most 1 in 100 is promised.

    python benchmarks/watch.py  # a minute on two cores; exit code 1 where the claim fails

Days are made of Online Retail: its users on a day are shuffled, 2,000 of them are the days before
an export, and others are a day of 60, 250 or 1,000. So all days are of one distribution, with all
that ties the events of a user together. Every figure of `watch` is taken but those of items, from
the real columns and from vectors, lists and recalls that are made of the items taken. 20 exports of
30 days each; the table has the share of days with any alarm, and with any figure that chance
explains in less than 1 of 100 days whether it is large or not.
"""

import dataclasses
import sys

import numpy as np
import pandas as pd

from tfrec_recall.data import datasets
from tfrec_recall.health.asked import ANSWERED, REQUESTS
from tfrec_recall.health.day import LEARNING, Day, Lists, Units
from tfrec_recall.health.days_before import DaysBefore
from tfrec_recall.health.judge import FALSE_ALARMS, Compared, judge
from tfrec_recall.health.reference import checks_of
from tfrec_recall.health.vectors import Vectors

EXPORTS, DAYS, SIZES, BEFORE = 20, 30, (60, 250, 1_000), 2_000
DIM, LISTED = 16, 20
FEW = {ANSWERED: ("recall of the index", "popularity of what is listed"), REQUESTS: ("requests",)}


def whole() -> tuple[Day, list]:
    """All users on a day of the data as one, and the checks of it."""
    data = datasets.load("online-retail")
    most = len(data.events)
    days = DaysBefore.of(data, data.events["user_id"], most=most, days=lambda events: events)
    day = days.day(data.users, data.items)
    day = dataclasses.replace(day, **answers(days.units, day.units))
    learning = dataclasses.replace(
        day.part(0, LEARNING),
        vectors=Vectors(day.vectors.rows[:LEARNING], np.arange(LEARNING), LEARNING),
        lists=Lists(*(part[:LEARNING] for part in dataclasses.astuple(day.lists))),
    )
    checks = checks_of(learning, days, data.users, data.items)
    return day, [(check, check.counts(day)) for check in checks]


def answers(units: Units, count: int) -> dict:
    """The mean of drawn vectors of the items taken, the items nearest to it, and recalls."""
    generator = np.random.default_rng(0)
    item, ids = pd.factorize(units.events["item_id"])
    vectors = generator.normal(size=(len(ids), DIM)).astype("float32")
    sums = np.zeros((count, DIM), np.float32)
    np.add.at(sums, units.unit, vectors[item])
    requests = sums / np.bincount(units.unit, minlength=count)[:, np.newaxis]
    best = [
        np.argpartition(-(some @ vectors.T), LISTED, axis=1)[:, :LISTED]
        for some in np.array_split(requests, -(-count // 1_000))
    ]
    rows = np.concatenate(best)
    found = generator.binomial(LISTED, 0.96, count) / LISTED
    lists = Lists(rows, np.bincount(item)[rows].astype(float), found, np.ones(count))
    return {"vectors": Vectors(requests, np.arange(count), count), "lists": lists}


def some(check, counts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The counts of these units; of checks of requests, of as many as `watch` asks."""
    most = [most for most, names in FEW.items() if check.name.endswith(names)]
    return counts[rows[: min(most, default=len(rows))]]


def main() -> int:
    day, checks = whole()
    print(f"{day.units:,} users on a day, {len(day.events):,} events, {len(checks) + 1} figures")
    rows = []
    for export in range(EXPORTS):
        generator = np.random.default_rng(export)
        order = LEARNING + generator.permutation(day.units - LEARNING)
        before, others = order[:BEFORE], order[BEFORE:]
        for number in range(DAYS):
            size = SIZES[number % len(SIZES)]
            now = generator.permutation(others)[:size]
            compared = [
                Compared(check, some(check, counts, before), some(check, counts, now))
                for check, counts in checks
            ]
            lists = (day.lists.rows[before[:ANSWERED]], day.lists.rows[now[:ANSWERED]])
            found = judge(compared, (), lists, seed=number)
            sure = any(one.chance <= FALSE_ALARMS for one in found)
            rows.append(Outcome(export, size, any(one.alarm for one in found), sure))
    table = pd.DataFrame(map(dataclasses.asdict, rows))
    shares = table.groupby("size")[["alarm", "sure"]].agg(["mean", "sum"])
    print(shares.to_string())
    worst = table.groupby("export")["alarm"].sum().max()
    share = table["alarm"].mean()
    print(f"{len(table)} days: alarms on {share:.2%}; not chance, large or not, on", end=" ")
    print(f"{table['sure'].mean():.2%}; most alarms of one export: {worst} of {DAYS} days")
    print(f"ratio to what is promised: {share / FALSE_ALARMS:.2f}")
    return int(share > FALSE_ALARMS)


@dataclasses.dataclass(frozen=True)
class Outcome:
    export: int
    size: int
    alarm: bool
    sure: bool


if __name__ == "__main__":
    sys.exit(main())
