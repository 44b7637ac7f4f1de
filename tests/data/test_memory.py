import pytest

from tfrec_recall.data import memory
from tfrec_recall.data.memory import check_memory, free_memory


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of 8 MiB left, and a control group of each version, without files."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 16384 kB\nMemAvailable: 8192 kB\n")
    monkeypatch.setattr(memory, "_PROC", meminfo)
    groups = {
        tmp_path / f"v{n}": names for n, names in zip("21", memory._GROUPS.values(), strict=True)
    }
    for group in groups:
        group.mkdir()
    monkeypatch.setattr(memory, "_GROUPS", groups)
    return list(groups.items())


def test_without_a_limit_it_is_what_the_machine_has(machine, monkeypatch):
    assert free_memory() == 8 * 2**20
    (group, (most, used)), _ = machine
    (group / most).write_text("max\n")
    (group / used).write_text("5000\n")
    assert free_memory() == 8 * 2**20
    monkeypatch.setattr(memory, "_PROC", group / "not there")
    assert free_memory() is None
    check_memory(2**60, "All", "Take less.")  # of what is not known, nothing is refused


@pytest.mark.parametrize("version", [0, 1])
def test_a_container_has_its_limit_less_what_it_cannot_give_back(machine, version):
    group, (most, used) = machine[version]
    (group / most).write_text(f"{4 * 2**20}\n")
    (group / used).write_text(f"{3 * 2**20}\n")
    assert free_memory() == 2**20
    name = ("inactive_file", "total_inactive_file")[version]
    (group / "memory.stat").write_text(f"anon 17\n{name} {2**20}\n")
    assert free_memory() == 2 * 2**20
    check_memory(2 * 2**20, "A table", "Take a smaller one.")
    with pytest.raises(ValueError, match=r"A table needs .* GiB are left: Take a"):
        check_memory(2 * 2**20 + 1, "A table", "Take a smaller one.")
