"""The programs of the page run as they stand: those of one Keras in one process.

That is `make programs`.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.programs
PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs" / "in_your_own_model.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
RUN = """
import sys
for program in sys.stdin.read().split("\\0"):
    exec(compile(program, program[:200], "exec"), {"__name__": "program"})
print("all ran")
"""


def test_there_are_five_and_one_of_tfrs_before_and_after():
    assert len(PROGRAMS) == 5 + 2


@pytest.mark.parametrize("keras", [2, 3])
def test_the_programs_run(keras, tmp_path):
    of_keras = [
        text for text in PROGRAMS if ('"TF_USE_LEGACY_KERAS"] = "0"' in text) == (keras == 3)
    ]
    kept = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input="\0".join(of_keras),
        env={**kept, "PYTHONPATH": str(PAGE.parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert of_keras
    assert done.stdout.endswith("all ran\n"), done.stderr[-3000:]
