"""What reaches the terminal of a process, and what does not."""

import os
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


def test_work_goes_on_where_nobody_reads_and_where_characters_lack():
    script = """if True:
        import os
        from tfrec_recall.cli.console import results, say, write_any_text
        write_any_text()
        results().print("0.5 \u00b1 0.1")
        read, write = os.pipe()
        os.close(read)
        os.dup2(write, 1)
        for line in range(3):
            results().print("a result that nobody reads")
        say("exported")
    """
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": "1"},
        check=True,
    )
    assert (done.stdout, done.stderr) == ("0.5 \\xb1 0.1\n", "exported\n")


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("    os.abort()\n", "Fatal Python error: Aborted"),
        ("    raise ValueError('ours')\n", "ValueError: ours"),
    ],
)
def test_a_crash_is_seen(end, message):
    assert message in run(SCRIPT + end).stderr
