"""Trials on disk: found again, given up early, and what each setting brought."""

import math

import pytest

from tfrec_recall.search import Space, Study

DEFAULTS = {"learning_rate": 0.002, "dropout": 0.1, "dim": 64}


def quality(settings):
    """At its best, 1, at a rate of .004 and a dropout of .4; the dim is no matter."""
    rate = math.log2(settings["learning_rate"] / 0.004) / 2
    return 1.0 - 0.5 * rate**2 - (settings["dropout"] - 0.4) ** 2


def begun(folder, made_of="these data", seed=0):
    study = Study(folder, Space(DEFAULTS), made_of, seed)
    if not study.tried:
        study.add_defaults(quality(DEFAULTS), 1.0, [0.1, quality(DEFAULTS)])
    return study


def make(study, count):
    for _ in range(count):
        trial = study.next()
        study.tell(trial, quality(trial.params), 2.0)


def test_a_search_finds_what_a_grid_of_five_times_as_many_finds(tmp_path):
    study = begun(tmp_path)
    make(study, 24)
    rates = [0.0005 * 2**step for step in range(5)]
    grid = [
        quality({"learning_rate": rate, "dropout": place * 0.12})
        for rate in rates
        for place in range(6)
        for _ in (32, 64, 128, 256)  # 120 of them
    ]
    assert study.best.value >= 0.95 * max(grid)
    assert study.best.value > quality(DEFAULTS)


def test_a_search_goes_on_where_it_stopped(tmp_path):
    make(begun(tmp_path), 3)
    begun(tmp_path).next()  # is killed
    study = begun(tmp_path)
    assert [one.number for one in study.tried] == [0, 1, 2, 3]
    assert study.tried[0].settings == DEFAULTS
    make(study, 1)
    assert [one.number for one in begun(tmp_path).tried] == [0, 1, 2, 3, 5]
    drawn = [tuple(one.settings.values()) for one in begun(tmp_path).tried]
    assert len(set(drawn)) == len(drawn)  # nothing is drawn twice by a call that begins anew
    with pytest.raises(ValueError, match="holds a search over other data"):
        begun(tmp_path, made_of="other data")
    with pytest.raises(ValueError, match="a search of dim; there dim, dropout, learning_rate"):
        Study(tmp_path, Space({"dim": 64}), "these data, by other settings")


def test_a_trial_that_goes_worse_than_others_is_given_up(tmp_path):
    study = begun(tmp_path)
    for value in (0.5, 0.6, 0.7):
        trial = study.next()
        for epoch in range(3):
            trial.report(value, epoch)
        study.tell(trial, value, 1.0)
    good, bad = study.next(), study.next()
    good.report(0.4, 0)
    good.report(0.9, 1)
    assert not good.should_prune()
    bad.report(0.2, 0)
    assert not bad.should_prune()  # one epoch says nothing
    bad.report(0.3, 1)
    assert bad.should_prune()
    study.tell(bad, None, 1.0, whole=False)
    last = study.tried[-1]
    assert (last.whole, last.value) == (False, 0.3)
    study.tell(good, 0.1, 1.0)
    assert study.best.value == quality(DEFAULTS)


def test_what_each_setting_brought_is_found_by_taking_it_back_alone(tmp_path):
    study = begun(tmp_path)
    make(study, 20)
    best = study.best
    for name in ("dropout", "learning_rate"):
        trial = study.next_without(name)
        assert trial.params == {**best.settings, name: DEFAULTS[name]}
        study.tell(trial, quality(trial.params), 1.0)
    assert study.best.number == best.number
    for name in ("dropout", "learning_rate"):
        without = quality({**best.settings, name: DEFAULTS[name]})
        assert study.brought()[name] == pytest.approx(best.value - without)
    tells = study.importances()
    assert tells["dim"] == min(tells.values())
    assert sum(tells.values()) == pytest.approx(1.0)
    few = Study(tmp_path / "few", Space(DEFAULTS), "these data")
    few.add_defaults(0.5, 1.0, [])
    assert few.importances() == {}


def test_no_settings_are_drawn_twice_and_all_of_them_end(tmp_path):
    space = Space({"weight_decay": 0.0, "dim": 64})

    def begun():
        return Study(tmp_path, space, "these data")

    study, drawn = begun(), {(0.0, 64)}
    study.add_defaults(0.5, 1.0, [])
    for place in range(11):  # all others of 4 times 3
        study = begun() if place == 5 else study
        trial = study.next()
        drawn.add((trial.params["weight_decay"], trial.params["dim"]))
        if place % 4 == 1:
            study.refuse(trial)
        else:
            study.tell(trial, 0.4, 1.0, whole=place % 4 > 0)
    assert len(drawn) == 12
    assert study.next() is None
    assert begun().next() is None


def test_settings_of_a_trial_that_was_interrupted_are_drawn_again(tmp_path):
    study = Study(tmp_path, Space({"interests": 1}), "these data")
    study.add_defaults(0.5, 1.0, [])
    study.tell(study.next(), None, 0.0)
    assert study.next().params == {"interests": 2}


def test_widths_are_lists_to_all_but_the_file(tmp_path):
    space = Space.of({"hidden": (128,)}, ["hidden"])
    study = Study(tmp_path, space, "these data")
    study.add_defaults(0.5, 1.0, [])
    while (trial := study.next()) is not None:
        study.tell(trial, len(study.settings(trial)["hidden"]), 1.0)
    study = Study(tmp_path, space, "these data")
    tried = [one.settings["hidden"] for one in study.tried]
    assert sorted(tried) == [[64], [128], [256], [256, 128]]
    assert study.best.settings == {"hidden": [256, 128]}
    assert study.brought() == {"hidden": 1.5}
    assert study.settings(study.next_without("hidden")) == {"hidden": [128]}
