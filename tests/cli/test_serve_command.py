"""`tfrec-recall serve` says what keeps it from serving before it has worked for it."""

import importlib.util
import socket

from tests.cli.conftest import printed


def test_what_it_is_made_of_may_be_missing(exported, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name)
    )
    said = printed("serve", capsys, exported, code=1).err
    assert "pip install 'tfrec-recall[serve]'. Received: no uvicorn." in " ".join(said.split())


def test_a_port_that_is_taken(exported, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = printed("serve", capsys, exported, "--port", port, code=1).err
    assert f"cannot have --host 127.0.0.1 --port {port}: Address already in use." in said


def test_no_export(tmp_path, capsys):
    said = printed("serve", capsys, tmp_path, "--port", 0, code=1).err
    assert f"There is no export at {tmp_path}" in said
