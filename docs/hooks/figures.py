"""Draws ```figure blocks: rows of boxes from top to bottom, joined by arrows.

    ```figure Two towers.
    user: user features | item: item features
    left: tower < user | right: tower < item
    score: cosine / temperature < left right
    ```

A line is a row, `|` parts its boxes, a box is `name: label < the boxes that lead to it`, and ` / `
begins a second line of the label. An empty box is a gap. An arrow over several rows goes around.
"""

import html
import re

BLOCK = re.compile(r"^```figure *([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WIDTH, ROW, LINE, PAD = 480, 78, 17, 12
AROUND = 220


def on_page_markdown(markdown, page, **_):
    return BLOCK.sub(lambda block: figure(block[2], block[1], page.file.src_uri), markdown)


def figure(text: str, caption: str, where: str = "") -> str:
    """The block as an HTML figure with SVG; ValueError for an arrow from nowhere."""
    rows = [line.split("|") for line in text.strip().splitlines()]
    boxes, arrows = {}, []
    for level, row in enumerate(rows):
        for place, cell in enumerate(row):
            if not cell.strip():
                continue
            name, _, rest = cell.strip().partition(":")
            label, _, sources = rest.partition(" < ")
            lines = [part.strip() for part in label.split(" / ")]
            slot = WIDTH / len(row)
            boxes[name] = slot * (place + 0.5), ROW * level + ROW / 2, slot - PAD, lines
            arrows += [(source, name) for source in sources.split()]
    drawn = [_arrow(where, boxes, *arrow) for arrow in arrows] + [_box(*b) for b in boxes.values()]
    said = html.escape("; ".join(" ".join(lines) for *_, lines in boxes.values()))
    return (
        f'<figure class="figure"><svg viewBox="0 0 {WIDTH} {ROW * len(rows)}" role="img" '
        f'aria-label="{said}"><defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0 8,4 0,8z"/></marker></defs>'
        f"{''.join(drawn)}</svg>"
        f"<figcaption>{html.escape(caption, quote=False)}</figcaption></figure>"
    )


def _height(lines: list[str]) -> int:
    return LINE * len(lines) + 12


def _box(x: float, y: float, widest: float, lines: list[str]) -> str:
    width = min(widest, 7.2 * max(map(len, lines)) + 22)
    height = _height(lines)
    shape = (
        f'<rect x="{x - width / 2:.0f}" y="{y - height / 2:.0f}" width="{width:.0f}" '
        f'height="{height}" rx="6"/>'
    )
    first = y - LINE * (len(lines) - 1) / 2 + 4.5
    texts = [
        f'<text x="{x:.0f}" y="{first + LINE * number:.1f}">{html.escape(line)}</text>'
        for number, line in enumerate(lines)
    ]
    return shape + "".join(texts)


def _arrow(where: str, boxes: dict, source: str, target: str) -> str:
    if source not in boxes:
        raise ValueError(f"An arrow in {where} comes from no box. Received: {source!r}.")
    (x, y, _, lines), (to_x, to_y, _, to_lines) = boxes[source], boxes[target]
    y, to_y = y + _height(lines) / 2, to_y - _height(to_lines) / 2 - 1
    around = AROUND if to_y - y > ROW else 0
    out, back = (y, to_y) if around else ((y + to_y) / 2,) * 2
    curve = (
        f"M{x:.0f},{y:.0f} C{x + around:.0f},{out:.0f} {to_x + around:.0f},{back:.0f} "
        f"{to_x:.0f},{to_y:.0f}"
    )
    return f'<path d="{curve}" marker-end="url(#tip)"/>'
