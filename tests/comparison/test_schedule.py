"""Which runs are made, in which order, and what a budget leaves."""

import threading

import pytest

from tests.comparison.made_up import result, results
from tfrec_recall.comparison.runs import (
    FAILED,
    LEFT_OUT,
    STOPPED,
    TOO_LONG,
    Run,
    Runs,
    lasts,
    standing,
)
from tfrec_recall.comparison.schedule import Round, schedule

MODELS = ("popular", "a", "b")


class Clock:
    """Time that passes only in runs."""

    def __init__(self, took):
        self.now, self.took, self.made = 0.0, took, []

    def __call__(self):
        return self.now

    def start(self, run, seconds):
        self.made.append((str(run), seconds))
        own = self.took[run.model]
        late = seconds is not None and own > seconds
        self.now += min(own, seconds) if late else own
        status = STOPPED if late else "done"
        return result(run.model, run.seed, status=status, seconds=own, seconds_allowed=seconds)


def wanted(budget=None, seeds=(0, 1), models=MODELS):
    return Round(models, seeds, budget)


def names(clock):
    return [name for name, _ in clock.made]


def test_the_first_seed_of_all_comes_first_and_the_next_one_begins_with_the_cheapest():
    clock = Clock({"popular": 1, "a": 9, "b": 2})
    made = [str(run) for run, _ in schedule(wanted(), {}, clock.start, clock)]
    # popular draws nothing at random: once is enough.
    assert made == ["popular, seed 0", "a, seed 0", "b, seed 0", "b, seed 1", "a, seed 1"]
    assert {seconds for _, seconds in clock.made} == {None}


def test_what_is_there_is_not_made_again_unless_it_is_of_something_else():
    clock = Clock({"popular": 1, "a": 1, "b": 1})
    there = results(
        result("popular"), result("a"), result("b", made_of="other settings"), result("a", 1)
    )
    there = standing(there, {name: name for name in MODELS})
    list(schedule(wanted(), there, clock.start, clock))
    assert names(clock) == ["b, seed 0", "b, seed 1"]


def test_a_model_that_is_left_out_or_fails_has_no_second_seed():
    clock = Clock({"popular": 1, "a": 1, "b": 1})
    there = results(result("a", status=LEFT_OUT), result("popular"))
    answers = {"b": {**result("b"), "status": FAILED}}
    list(schedule(wanted(), there, lambda run, _: clock.start(run, None) | answers[run.model]))
    assert names(clock) == ["b, seed 0"]


def test_a_budget_is_shared_and_what_one_model_leaves_the_next_ones_have():
    clock = Clock({"popular": 2, "a": 200, "b": 50})
    told = list(schedule(wanted(budget=90), {}, clock.start, clock))
    assert clock.made[:3] == [
        ("popular, seed 0", 30),  # a third of 90
        ("a, seed 0", 44),  # half of the 88 that are left
        ("b, seed 0", 44),
    ]
    assert clock.now == 90
    assert [str(run) for run, found in told if found is None] == ["b, seed 1", "a, seed 1"]


def test_another_seed_begins_only_where_it_can_end():
    clock = Clock({"popular": 1, "a": 10, "b": 60})
    told = list(schedule(wanted(budget=215), {}, clock.start, clock))
    # After the first seeds 144 are left: 10 for a, then 134 for b, which needs 60.
    assert clock.made[3:] == [("a, seed 1", 20), ("b, seed 1", 120)]
    assert all(found for _, found in told)
    clock = Clock({"popular": 1, "a": 10, "b": 60})
    told = list(schedule(wanted(budget=130), {}, clock.start, clock))
    assert names(clock) == ["popular, seed 0", "a, seed 0", "b, seed 0", "a, seed 1"]
    assert [str(run) for run, found in told if found is None] == ["b, seed 1"]


def test_those_that_the_budget_stopped_share_a_larger_one():
    clock = Clock({"a": 999, "b": 999, "c": 999})
    there = results(*(result(name, status=STOPPED, seconds_allowed=40) for name in "ab"))
    list(schedule(wanted(160, (0,), "ab"), there, clock.start, clock))
    assert clock.made == [("a, seed 0", 80), ("b, seed 0", 80)]
    clock.made.clear()
    clock.now = 0
    list(schedule(wanted(160, (0,), "abc"), there, clock.start, clock))
    # Thirds would be too little to make the two again: one of them is, beside the new one.
    assert clock.made == [("a, seed 0", 80), ("c, seed 0", 80)]
    clock.made.clear()
    clock.now = 0
    there |= results(result("b", status=TOO_LONG, seconds_allowed=400))
    list(schedule(wanted(160, (0,), "ab"), there, clock.start, clock))
    assert clock.made == [("a, seed 0", 160)]


def test_a_further_seed_of_a_model_that_the_budget_stopped_learns_as_long():
    there = results(result("a", status=STOPPED, seconds=39, seconds_allowed=40))
    clock = Clock({"a": 999})
    told = list(schedule(wanted(50, (0, 1), "a"), there, clock.start, clock))
    assert clock.made == [("a, seed 1", 40)]
    assert all(found for _, found in told)
    clock = Clock({"a": 999})
    ((run, found),) = schedule(wanted(39.5, (0, 1), "a"), there, clock.start, clock)
    assert (str(run), found, clock.made) == ("a, seed 1", None, [])


@pytest.mark.parametrize("status", [STOPPED, TOO_LONG])
def test_a_run_that_the_budget_ended_is_made_again_with_half_as_much_time_more(status):
    stopped = result("a", status=status, seconds_allowed=40)
    assert lasts(stopped, 59)
    assert not lasts(stopped, 60)
    assert not lasts(stopped, None)
    assert lasts(result("a"), None)
    assert not lasts(result("a", status=FAILED), None)


def test_results_are_kept_as_they_are(tmp_path):
    runs = Runs(tmp_path / "runs")
    runs.write(Run("two-tower", 1), {"status": "done", "why": None})
    runs.write(Run("two-tower", 0), {"status": "done", "why": "é"})
    assert list(runs.read()) == [Run("two-tower", 0), Run("two-tower", 1)]
    assert runs.read()[Run("two-tower", 0)]["why"] == "é"
    runs.path(Run("sdm", 0)).write_text("{")
    with pytest.raises(ValueError, match=r"sdm-0\.json is not the result of a run: remove it"):
        runs.read()


def test_several_at_once_and_a_second_seed_waits_for_the_first_of_its_model():
    begun, ended, a_is_there = [], [], threading.Event()

    def start(run, seconds):
        begun.append(str(run))
        if run == Run("a", 0):
            assert a_is_there.wait(10)
        elif str(run) == "b, seed 1":
            a_is_there.set()  # so this one ran beside the first of a
        return result(run.model, run.seed)

    for run, _ in schedule(Round(("a", "b"), (0, 1), at_once=2), {}, start):
        ended.append(str(run))
    assert sorted(begun) == ["a, seed 0", "a, seed 1", "b, seed 0", "b, seed 1"]
    assert begun.index("b, seed 1") < begun.index("a, seed 1")
    assert ended.index("a, seed 0") < ended.index("a, seed 1")


def test_two_at_once_have_two_shares_of_a_budget():
    given = []

    def start(run, seconds):
        given.append(seconds)
        return result(run.model, run.seed)

    list(schedule(Round(MODELS, (0,), 90, at_once=2), {}, start, clock=lambda: 0.0))
    assert given[0] == 60  # of three runs, two of which run at a time
    assert max(given) <= 90


def test_what_is_on_its_way_is_stopped_where_nobody_waits_for_it():
    stopped = threading.Event()

    def start(run, seconds):
        if run.model == "b":
            assert stopped.wait(10)
        return result(run.model, run.seed)

    runs = schedule(Round(("a", "b"), (0,), at_once=2), {}, start, stop=stopped.set)
    assert str(next(runs)[0]) == "a, seed 0"
    runs.close()
    assert stopped.is_set()


def test_what_goes_on_is_made_where_the_time_is_enough_for_it():
    there = results(
        *(result(name, status=STOPPED, seconds_allowed=40, goes_on=True) for name in "ab")
    )
    there[Run("a", 0)]["goes_on_with"], there[Run("b", 0)]["goes_on_with"] = 30, 10
    clock = Clock({"a": 999, "b": 999})
    list(schedule(wanted(70, (0,), "ab"), there, clock.start, clock))
    assert clock.made == [("a, seed 0", 35), ("b, seed 0", 35)]
    clock = Clock({"a": 999, "b": 999})
    list(schedule(wanted(40, (0,), "ab"), there, clock.start, clock))
    assert clock.made == [("b, seed 0", 40)]  # half would not be enough for a
    late = results(result("a", status=TOO_LONG, seconds_allowed=40, goes_on=True))
    clock = Clock({"a": 1})
    list(schedule(wanted(20, (0,), "a"), late, clock.start, clock))
    assert clock.made == [("a, seed 0", 20)]  # only to be measured, perhaps


def test_what_the_budget_stopped_goes_on_with_what_others_left():
    clock, needs, late = Clock({}), {"a": 50, "b": 10, "c": 20}, {}

    def start(run, seconds):
        clock.made.append((run.model, seconds))
        took = min(needs[run.model], seconds)
        needs[run.model] -= took
        clock.now += took
        status = late.get(run.model, STOPPED) if needs[run.model] else "done"
        more = {"goes_on": True, "goes_on_with": 5}
        return result(run.model, status=status, seconds=took, seconds_allowed=seconds, **more)

    made = list(schedule(wanted(90, (0,), "abc"), {}, start, clock))
    assert clock.made == [("a", 30), ("b", 30), ("c", 50), ("a", 30)]
    assert [run.model for run, _ in made] == ["a", "b", "c", "a"]
    assert [result["status"] for _, result in made] == [STOPPED, "done", "done", "done"]
    needs |= {"a": 70, "b": 10}
    clock.now, clock.made = 0.0, []
    list(schedule(wanted(60, (0,), "ab"), {}, start, clock))
    assert clock.made == [("a", 30), ("b", 30), ("a", 20)]  # and no more when it is over
    needs |= {"a": 35, "b": 45, "c": 5}
    late["b"] = TOO_LONG
    clock.now, clock.made = 0.0, []
    list(schedule(wanted(90, (0,), "abc"), {}, start, clock))
    assert clock.made == [("a", 30), ("b", 30), ("c", 30), ("b", 25), ("a", 10)]
    clock.made = []
    stopped = results(result("a", status=STOPPED, seconds_allowed=30, goes_on=True))
    assert list(schedule(wanted(0, (0,), "a"), stopped, start, clock)) == [(Run("a", 0), None)]


def test_a_further_seed_that_goes_on_gets_what_the_first_one_had_more():
    stopped = {"status": STOPPED, "goes_on": True, "goes_on_with": 10}
    there = results(
        result("a", seconds_allowed=120, **stopped), result("a", 1, seconds_allowed=40, **stopped)
    )
    there[Run("a", 0)]["goes_on_with"] = 999
    clock = Clock({"a": 999})
    list(schedule(wanted(300, (0, 1), "a"), there, clock.start, clock))
    assert clock.made == [("a, seed 1", 80)]
    there[Run("a", 1)]["seconds_allowed"] = 120
    clock = Clock({"a": 999})
    assert not list(schedule(wanted(300, (0, 1), "a"), there, clock.start, clock))


@pytest.mark.parametrize("status", [STOPPED, TOO_LONG])
@pytest.mark.parametrize(
    ("left", "own_needs", "given"),
    [
        (300, 60, [("a, seed 1", 300)]),  # less than the first one took, but enough for an epoch
        (3000, 60, [("a, seed 1", 1200)]),
        (3000, 2000, [("a, seed 1", 2000)]),
        (50, 60, []),
        (50, None, []),  # killed before it told what it needs: as one that has to begin anew
        (700, None, [("a, seed 1", 700)]),
    ],
)
def test_a_further_seed_goes_on_where_the_first_one_is_done(status, left, own_needs, given):
    stopped = {"status": status, "goes_on": True, "goes_on_with": own_needs}
    own = result("a", 1, seconds_allowed=500, **stopped)
    clock = Clock({"a": 1})
    there = results(result("a", seconds=600), own)
    list(schedule(wanted(left, (0, 1), "a"), there, clock.start, clock))
    assert clock.made == given
