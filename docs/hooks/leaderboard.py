"""The leaderboard as a picture, drawn of the tables in docs/figures.md.

    python docs/hooks/leaderboard.py  # writes docs/images/leaderboard.svg

A test holds the file to the tables.
"""

import html
import pathlib
import re

DOCS = pathlib.Path(__file__).parents[1]
PICTURE = DOCS / "images" / "leaderboard.svg"
METRIC = "Recall@50"
TABLE = re.compile(r"^([A-Z][^\n|]*):\n\n(\| model \|.*?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"`([\w-]+)`")
NUMBER = re.compile(r"(\d*\.\d+)(?: ± (\d*\.\d+))?")
COLOURS = ("#3f51b5", "#c2185b")
LEFT, WIDTH, ROW, TOP, GAP = 250, 480, 20, 44, 34
CSS = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
    "fill:#333a56}.title{font-weight:600;fill:#1a237e}.name{text-anchor:end}"
    ".yardstick{stroke:#8a90a8;stroke-dasharray:3 3}.error{stroke:#333a56}"
)


def figures(text: str) -> dict[str, dict[str, tuple[float, float]]]:
    """By data set and model its figure, by its defaults if measured, and the deviation of seeds."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for title, table in TABLE.findall(text):
        head, _, *rows = ([cell.strip() for cell in row.split("|")] for row in table.splitlines())
        place = head.index(METRIC)
        models = found.setdefault(title, {})
        for row in rows:
            name, (value, deviation) = NAME.findall(row[1])[0], NUMBER.findall(row[place])[0]
            if name not in models or "{" not in row[1]:
                models[name] = (float(value), float(deviation or 0))
    return found


def picture(text: str) -> str:
    """An SVG of horizontal bars, a block a data set, best first, with most-popular as a line."""
    found = figures(text)
    parts, y = [], 0
    for colour, (title, models) in zip(COLOURS, found.items(), strict=True):
        parts.append(
            f'<text class="title" x="14" y="{y + 28}">{html.escape(title)}: {METRIC}</text>'
        )
        largest = max(value for value, _ in models.values())
        first = y + TOP
        ranked = sorted(models.items(), key=lambda model: -model[1][0])
        for place, (name, (value, deviation)) in enumerate(ranked):
            at = first + ROW * place
            length, error = (WIDTH * number / largest for number in (value, deviation))
            parts.append(
                f'<text class="name" x="{LEFT - 8}" y="{at + 14}">{name}</text>'
                f'<rect x="{LEFT}" y="{at + 3}" width="{length:.1f}" height="{ROW - 6}" rx="2" '
                f'fill="{colour}" opacity="{0.45 if name == "popular" else 0.85}"/>'
                f'<path class="error" d="M{LEFT + length - error:.1f},{at + 10}h{2 * error:.1f}"/>'
                f'<text x="{LEFT + length + error + 8:.1f}" y="{at + 14}">'
                f"{f'{value:.3f}'.removeprefix('0')}</text>"
            )
        y = first + ROW * len(ranked)
        line = LEFT + WIDTH * models["popular"][0] / largest
        parts.append(f'<path class="yardstick" d="M{line:.1f},{first}V{y}"/>')
        y += GAP - 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 70} {y}" role="img">'
        f"<title>{METRIC} of every model on {' and on '.join(map(html.escape, found))}</title>"
        f'<style>{CSS}</style><rect width="100%" height="100%" rx="10" fill="#fff"/>'
        f"{''.join(parts)}</svg>\n"
    )


if __name__ == "__main__":
    text = (DOCS / "figures.md").read_text(encoding="utf-8")
    PICTURE.write_text(picture(text), encoding="utf-8")
