"""A model whose tables have no room is refused by name, before it asks for them in vain."""

import pytest

from tests.contract.model_cases import CASES, built
from tfrec_recall import models
from tfrec_recall.data import memory

WITHOUT_TABLES = {models.Popular, models.UserCF}  # of UserCF they hold ratings alone


@pytest.mark.parametrize("model_class", [one for one in CASES if one not in WITHOUT_TABLES])
def test_tables_without_room_are_refused_before_they_are_made(model_class, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 15)
    with pytest.raises(ValueError, match=r"tables? of .* rows of .* numbers, needs .*GiB.*take"):
        built(model_class)


def test_neighbours_of_users_as_well(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 15)
    with pytest.raises(ValueError, match=r"2 tables of neighbours.*take fewer neighbours"):
        built(models.UserCF, ratings=True)
