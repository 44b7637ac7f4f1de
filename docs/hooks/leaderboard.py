"""What `compare` found, as the tables of docs/figures.md and README.md, and as a picture.

    tfrec-recall compare --data movielens-100k --jobs 2 --out report
    cp report/leaderboard.csv docs/leaderboards/movielens-100k.csv
    python docs/hooks/leaderboard.py

A test holds the texts and the picture to the files.
"""

import html
import pathlib
import re

import pandas as pd

from tfrec_recall.comparison.tables import cell, markdown

DOCS = pathlib.Path(__file__).parents[1]
PICTURE, FIGURES = DOCS / "images" / "leaderboard.svg", DOCS / "figures.md"
README = DOCS.parent / "README.md"
TITLES = {
    "movielens-100k": "MovieLens-100k, the last five events out",
    "online-retail": "Online Retail, new items of the last basket",
    "gowalla": "Gowalla, the published split",
    "beauty": "Beauty, the published split",
}
DRAWN = {"movielens-100k": "#3f51b5", "online-retail": "#c2185b"}
METRIC = "recall@50"
NOTES = r"(?:\n\n† [^\n]*)*"  # below a table, of its marks
TABLE = re.compile(
    rf"^([A-Z][^\n|]*):\n\n(\| model \|.*?{NOTES})(?=\n\n|\n?\Z)", re.DOTALL | re.MULTILINE
)
SUMMARY = re.compile(r"^\| \| [^\n]*@[^\n]*\n\|[ |-]+\n(?:\|[^\n]*\n)+", re.MULTILINE)
LEFT, WIDTH, ROW, TOP, GAP = 250, 480, 20, 44, 34
CSS = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
    "fill:#333a56}.title{font-weight:600;fill:#1a237e}.name{text-anchor:end}"
    ".yardstick{stroke:#8a90a8;stroke-dasharray:3 3}.error{stroke:#333a56}"
)


def leaderboards(folder: pathlib.Path = DOCS / "leaderboards") -> dict[str, pd.DataFrame]:
    """By data set what `compare` wrote, the best model first."""
    found = {path.stem: pd.read_csv(path) for path in folder.glob("*.csv")}
    return {name: found[name] for name in TITLES if name in found}


def with_tables(text: str, tables: dict[str, pd.DataFrame]) -> str:
    """The page of figures: the table under each title is that of the data set.

    Raises: ValueError for a data set that the page has no table of.
    """
    drawn = {TITLES[name]: markdown(table) for name, table in tables.items()}
    lost = sorted(drawn.keys() - {title for title, _ in TABLE.findall(text)})
    if lost:
        raise ValueError(f"Make a table below a title of its own for each. Received: {lost}.")

    def written(found: re.Match) -> str:
        return f"{found[1]}:\n\n{drawn.get(found[1], found[2])}"

    return TABLE.sub(written, text)


def with_summary(text: str, tables: dict[str, pd.DataFrame]) -> str:
    """The README: of the models of its table the metrics that the columns name."""

    def written(found: re.Match) -> str:
        head, rule, *rows = found[0].splitlines()
        columns = [_column(title, tables) for title in _cells(head)[1:]]
        lines = [head, rule]
        for row in rows:
            model, *values = _cells(row)
            values = [
                old if table is None else _measured(table, metric, model.strip("`"))
                for (table, metric), old in zip(columns, values, strict=True)
            ]
            lines.append(
                "|" + "".join(f" {value} |" if value else " |" for value in [model, *values])
            )
        return "\n".join(lines) + "\n"

    return SUMMARY.sub(written, text, count=1)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _column(title: str, tables: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame | None, str]:
    """The data set and the metric that a title begins and ends with."""
    data, *_, metric = title.split(", ")
    return tables.get(data.lower().replace(" ", "-")), metric.lower()


def _measured(table: pd.DataFrame, metric: str, model: str) -> str:
    """Empty where the model was not measured; with a mark where its training had no end."""
    rows = table[table["model"] == model].to_dict("records")
    return cell(rows[0], metric) + " †" * rows[0]["stopped_by_budget"] if rows else ""


def picture(tables: dict[str, pd.DataFrame]) -> str:
    """An SVG of horizontal bars, a block a data set, best first, with most-popular as a line."""
    shown = {name: tables[name] for name in DRAWN if name in tables}
    parts, y = [], 0
    for name, table in shown.items():
        title = html.escape(f"{TITLES[name]}: {METRIC.capitalize()}")
        parts.append(f'<text class="title" x="14" y="{y + 28}">{title}</text>')
        values = table[METRIC].round(3)
        errors = table.get(f"{METRIC} deviation", 0 * values).fillna(0.0).round(3)
        first = y + TOP
        for place, (model, value, deviation) in enumerate(
            zip(table["model"], values, errors, strict=True)
        ):
            at = first + ROW * place
            length, error = (WIDTH * number / values.max() for number in (value, deviation))
            parts.append(
                f'<text class="name" x="{LEFT - 8}" y="{at + 14}">{model}</text>'
                f'<rect x="{LEFT}" y="{at + 3}" width="{length:.1f}" height="{ROW - 6}" rx="2" '
                f'fill="{DRAWN[name]}" opacity="{0.45 if model == "popular" else 0.85}"/>'
                f'<path class="error" d="M{LEFT + length - error:.1f},{at + 10}h{2 * error:.1f}"/>'
                f'<text x="{LEFT + length + error + 8:.1f}" y="{at + 14}">'
                f"{f'{value:.3f}'.removeprefix('0')}</text>"
            )
        y = first + ROW * len(table)
        line = LEFT + WIDTH * values[table["model"] == "popular"].item() / values.max()
        parts.append(f'<path class="yardstick" d="M{line:.1f},{first}V{y}"/>')
        y += GAP - 20
    of = " and on ".join(html.escape(TITLES[name]) for name in shown)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 70} {y}" role="img">'
        f"<title>{METRIC.capitalize()} of every model on {of}</title>"
        f'<style>{CSS}</style><rect width="100%" height="100%" rx="10" fill="#fff"/>'
        f"{''.join(parts)}</svg>\n"
    )


def main() -> None:
    tables = leaderboards()
    for path, change in ((FIGURES, with_tables), (README, with_summary)):
        text = path.read_text(encoding="utf-8")
        path.write_text(change(text, tables), encoding="utf-8")
    PICTURE.write_text(picture(tables), encoding="utf-8")


if __name__ == "__main__":
    main()
