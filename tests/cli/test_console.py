"""What reaches the terminal of a process, and what does not."""

import subprocess
import sys

import pytest

SCRIPT = """if True:
    import os, sys, warnings
    from tfrec_recall.cli.console import quiet, say
    quiet()
    os.write(2, b"I0000 from native code")
    warnings.warn("from a library")
    say("a notice")
    print("a result")
"""


def run(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_native_messages_are_not_seen_and_ours_are():
    done = run(SCRIPT)
    assert (done.stdout, done.stderr) == ("a result\n", "a notice\n")


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("    os.abort()\n", "Fatal Python error: Aborted"),
        ("    raise ValueError('ours')\n", "ValueError: ours"),
    ],
)
def test_a_crash_is_seen(end, message):
    assert message in run(SCRIPT + end).stderr
