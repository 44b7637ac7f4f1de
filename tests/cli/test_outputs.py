"""Where results go: files whole, links followed, pipes and devices written to; seen to before."""

import contextlib
import json
import math
import os
import subprocess
import sys
import threading

import pandas as pd
import pytest

from tfrec_recall.cli import figures
from tfrec_recall.cli.outputs import Output, output, refuse_the_same

VALUES = {"recall": 0.5}


def written(path):
    return json.loads(path.read_text())


def test_a_file_is_replaced_whole_and_its_folder_made(tmp_path):
    path = tmp_path / "new" / "figures.json"
    target = Output(path, "--json")
    assert not path.parent.exists()  # a check makes nothing
    target.write_json(figures.record("m", "d", "s", 0, {"gini": math.nan}, None, 1e400, {"dim": 8}))
    assert written(path) == {
        "model": "m",
        "data": "d",
        "split": "s",
        "seed": 0,
        "metrics": {"gini": None},
        "train_seconds": None,
        "examples_per_second": None,
        "best_epoch": None,
        "seconds_to_best": None,
        "settings": {"dim": 8},
        "curve": [],
        "field_weights": {},
    }
    with pytest.raises(TypeError):
        target.write_json({"metrics": object()})
    with contextlib.suppress(RuntimeError), target.written() as stream:
        stream.write(b"half of")
        raise RuntimeError
    assert written(path)["model"] == "m"
    assert os.listdir(path.parent) == ["figures.json"]


def test_links_are_followed(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to(tmp_path / "folder" / "real.json")
    for _ in range(2):  # it is made, and replaced
        Output(tmp_path / "one", "--json").write_json(VALUES)
        assert (tmp_path / "one").is_symlink()
        assert written(tmp_path / "folder" / "real.json") == VALUES
    assert os.listdir(tmp_path / "folder") == ["real.json"]


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "link"])
def test_stdout_is_gone_on_with_and_has_no_table(name, tmp_path, capsys):
    (tmp_path / "link").symlink_to("/dev/stdout")
    target = Output(tmp_path / name if name == "link" else name, "--json")
    print("before")
    target.tables().print("a table")
    target.write_json(VALUES)
    shown = capsys.readouterr()
    assert shown.out.startswith("before\n")
    assert json.loads(shown.out.removeprefix("before\n")) == VALUES
    assert shown.err == "a table\n"


def test_a_pipe_is_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    received = []
    reader = threading.Thread(target=lambda: received.append(path.read_text()))
    reader.start()
    Output(path, "--json").write_json(VALUES)
    reader.join()
    assert json.loads(received[0]) == VALUES
    assert path.is_fifo()


def test_an_open_file_is_gone_on_with(tmp_path):
    """As a shell gives `--json >(cat)`, and `--json /dev/stdout > file`."""
    script = f"""if True:
        import os
        from tfrec_recall.cli.outputs import Output
        print("before")
        Output("/dev/stdout", "--json").write_json({VALUES})
        print("between")
        read, write = os.pipe()
        Output(f"/dev/fd/{{write}}", "--json").write_json({VALUES})
        print(os.read(read, 100).decode())
    """
    with open(tmp_path / "file", "w") as file:
        subprocess.run([sys.executable, "-c", script], stdout=file, check=True)
    before, after = (tmp_path / "file").read_text().split("between\n")
    assert before.startswith("before\n")
    assert json.loads(before.removeprefix("before\n")) == VALUES
    assert json.loads(after) == VALUES


def test_a_table_goes_where_json_goes(tmp_path):
    table = pd.DataFrame({"rank": [1, 2]})
    (tmp_path / "link").symlink_to("lists.parquet")
    Output(tmp_path / "link", "--lists").write_parquet(table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "lists.parquet"), table)


def test_what_cannot_be_written_is_said_before(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to("circle")
    for place, kind, reason in [
        (tmp_path, IsADirectoryError, "it is a folder"),
        (tmp_path / "file" / "figures.json", NotADirectoryError, "file of this name|Not a dir"),
        (tmp_path / "circle", OSError, "symbolic links"),
        ("/dev/fd/9999", OSError, "Bad file descriptor"),
        ("/proc/nowhere/figures.json", OSError, ""),
    ]:
        with pytest.raises(kind, match=rf"--json .* cannot be written: .*({reason})"):
            Output(place, "--json")


def test_two_results_need_two_places(tmp_path):
    (tmp_path / "link").symlink_to("file")
    one, two = output(tmp_path / "file", "--json"), output(tmp_path / "link", "--lists")
    with pytest.raises(ValueError, match=r"--json and --lists need two places"):
        refuse_the_same(one, two)
    refuse_the_same(one, None, output("-", "--lists"))
