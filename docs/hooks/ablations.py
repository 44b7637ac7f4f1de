"""What the ablations printed, in the tables of docs/losses_and_negatives.md and of RESULTS.md.

    python benchmarks/ablations.py --data movielens-100k --settings '{"epochs": 12}' \\
        > docs/ablations/movielens-100k.txt
    python docs/hooks/ablations.py

A table of theirs begins with an empty cell and `MovieLens-100k: Recall@50`; further metrics of the
same data stand behind it. Its rows have the names that the command gives them: a new one is written
without figures, and filled. A test holds the texts to the files.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
PRINTED = ROOT / "docs" / "ablations"
WHOLE, PARTS = ROOT / "benchmarks" / "RESULTS.md", ROOT / "docs" / "losses_and_negatives.md"
TABLE = re.compile(r"^\| \| [\w -]+: Recall@50 \|[^\n]*\n\|[ |-]+\n(?:\|[^\n]*\n)+", re.MULTILINE)
NUMBER = re.compile(r"\d[\d.]*")
DIGITS = {"recall": 3, "coverage": 2, "popularity rank": 0, "seconds": 0}
Printed = dict[str, dict[str, str]]  # by row and metric


def printed(text: str) -> Printed:
    """The rows of a table as the command prints it, but for those that the data refuse."""
    head, _, *rows = [_cells(line) for line in text.splitlines() if line.startswith("|")]
    metrics = [name.replace("_", " ").partition("@")[0] for name in head[1:]]
    made = [row for row in rows if not row[1].startswith("none: ")]
    return {name: dict(zip(metrics, values, strict=True)) for name, *values in made}


def filled(text: str, found: dict[str, Printed], whole: bool = False) -> str:
    """The text with the figures of the data sets that were printed; those of others stay.

    Args:
        found: by data set, as `--data` has it.
        whole: its tables have all rows that were printed.

    Raises: ValueError for a row without a figure, and for what a whole table lacks.
    """

    def written(table: re.Match) -> str:
        head, rule, *rows = table[0].splitlines()
        columns, data = [], ""
        for title in _cells(head)[1:]:
            data, metric = title.split(": ") if ": " in title else (data, title)
            columns.append((data.lower().replace(" ", "-"), metric.lower().partition("@")[0]))
        lines = [head, rule]
        for label, *cells in map(_cells, rows):
            values = [
                _shown(found[data].get(_name(label), {}).get(metric, ""), metric)
                if data in found
                else old
                for (data, metric), old in zip(columns, cells, strict=True)
            ]
            if not all(values):
                raise ValueError(
                    f"Each row of a table is one that was printed. Received: {_name(label)!r}."
                )
            lines.append(f"| {' | '.join([label, *values])} |")
        names = {_name(_cells(row)[0]) for row in rows}
        lost = sorted({name for one in found.values() for name in one} - names)
        if whole and lost:
            raise ValueError(f"A row was printed for which there is none. Received: {lost}.")
        return "\n".join(lines) + "\n"

    return TABLE.sub(written, text)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _name(label: str) -> str:
    return label.replace("&nbsp;", "").replace("`", "").strip()


def _shown(value: str, metric: str) -> str:
    """A figure, and its deviation where there is one, as texts show it."""
    return NUMBER.sub(
        lambda number: f"{float(number[0]):.{DIGITS[metric]}f}".removeprefix("0"), value
    )


def all_printed(folder: pathlib.Path = PRINTED) -> dict[str, Printed]:
    """What is kept of the command, by data set."""
    return {path.stem: printed(path.read_text("utf-8")) for path in sorted(folder.glob("*.txt"))}


def main() -> None:
    found = all_printed()
    for path in (WHOLE, PARTS):
        text = path.read_text(encoding="utf-8")
        path.write_text(filled(text, found, whole=path == WHOLE), encoding="utf-8")


if __name__ == "__main__":
    main()
