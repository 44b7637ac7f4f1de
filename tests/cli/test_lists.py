"""`datasets` and `models` list what there is."""

import pytest

from tfrec_recall.cli.application import main
from tfrec_recall.cli.discovery import entries
from tfrec_recall.data import datasets


@pytest.mark.parametrize(("command", "names"), [("datasets", datasets.names), ("models", entries)])
def test_every_name_has_a_row(command, names, capsys):
    with pytest.raises(SystemExit) as raised:
        main([command])
    assert raised.value.code == 0
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.split()]
    assert [name for name in shown if name in set(names())] == list(names())
