"""The papers' plain forms beside the defaults: tables of benchmarks/RESULTS.md.

    python -m benchmarks.published --runs docs/published/movielens-100k.jsonl --at-most 1
    python docs/hooks/published.py

A test holds the tables to the file.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
RUNS, PAGE = ROOT / "docs" / "published", ROOT / "benchmarks" / "RESULTS.md"
PART = re.compile(r"(?<=<!-- published -->\n\n).*?(?=\n\n<!-- the end of published -->)", re.DOTALL)


def filled(text: str, data: str = "movielens-100k", seed: int = 0) -> str:
    """The text with the tables of what was run.

    Raises: ValueError for a form that no model has, which none of the tables shows.
    """
    sys.path[:0] = [str(ROOT)]  # the benchmarks are no package that is installed
    from benchmarks.published import DEFAULTS, PUBLISHED, models, one_by_one, read, tables

    done, names = read(RUNS / f"{data}.jsonl", data, seed), models()
    known = {(name, form) for name in names for form in (DEFAULTS, PUBLISHED)}
    known |= {(name, run.form) for name in names for run in one_by_one(name)}
    if lost := sorted(set(done) - known):
        raise ValueError(f"A form was run that no model has. Received: {lost}.")
    return PART.sub(lambda _: tables(done, names), text)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
