"""What replays by days and weeks found: tables of docs/guides/living_models.md, and a picture.

    python benchmarks/replay.py --model item-cf --every 7 --csv docs/replays/simulated-item-cf.csv
    python docs/hooks/replays.py

A test holds the page and the picture to the files.
"""

import pathlib
import re

import pandas as pd

DOCS = pathlib.Path(__file__).parents[1]
PAGE, PICTURE = DOCS / "guides" / "living_models.md", DOCS / "images" / "replays.svg"
DATA = {
    "simulated": "A simulated marketplace, by days",
    "online-retail": "Online Retail, by weeks",
}
SHORT = {"simulated": "Marketplace", "online-retail": "Online Retail"}
MODELS = ["item-cf", "eges", "two-tower", "sampling-bias-corrected-two-tower", "sdm"]
WAYS = {"never": "#8a90a8", "updated": "#3f51b5", "retrained": "#c2185b"}
CLAIMED_RECALL, CLAIMED_COST = 0.98, 0.1
PART = re.compile(r"(?<=<!-- replays -->\n).*?(?=<!-- the end of replays -->)", re.DOTALL)
HEAD = ["model", "compared", "never", "updated", "retrained", "of retrained", "update"]
HEAD += ["retraining", "of its cost", "index", "measurement", "export", "reached"]
WIDTH, HEIGHT, LEFT, TOP, GAP = 330, 96, 50, 58, 52
CSS = (
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
    "fill:#333a56}.title{font-weight:600;fill:#1a237e}.scale{text-anchor:end}"
    ".axis{stroke:#c9cde0}polyline{fill:none;stroke-width:2}"
)

Runs = dict[tuple[str, str], pd.DataFrame]


def replays(folder: pathlib.Path = DOCS / "replays") -> Runs:
    """By data and model what `replay.py` wrote."""
    found = {(data, model): folder / f"{data}-{model}.csv" for data in DATA for model in MODELS}
    return {run: pd.read_csv(path) for run, path in found.items() if path.is_file()}


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """The periods on which all three were asked, but for the first, where they are the same."""
    return table[table["retrained"].notna()].iloc[1:]


def row_of(model: str, table: pd.DataFrame) -> list[str]:
    """A row of the table: means over the periods, and seconds of the processor."""
    rows = compared(table)
    recall = rows[list(WAYS)].mean()
    share = recall["updated"] / recall["retrained"]
    update, retraining = table["update_seconds"].iloc[1:].mean(), rows["retrain_seconds"].mean()
    cost = update / retraining
    reached = [name for name, ok in (("recall", share >= CLAIMED_RECALL),
                                     ("cost", cost <= CLAIMED_COST)) if ok]  # fmt: skip
    parts = rows["index_seconds"].mean(), rows["measure_seconds"].mean()
    seconds = (update, retraining, *parts, table["export_seconds"].iloc[0])
    took = [f"{one:.1f} s" for one in seconds]
    return [
        f"`{model}`",
        str(len(rows)),
        *(_share(recall[way]) for way in WAYS),
        _share(share, 3),
        *took[:2],
        _share(cost, 2),
        *took[2:],
        " and ".join(reached) or "neither",
    ]


def tables(runs: Runs) -> str:
    """The tables below their titles, and which replays are lacking."""
    parts = []
    for data, title in DATA.items():
        own = {model: runs[data, model] for model in MODELS if (data, model) in runs}
        rows = [row_of(model, table) for model, table in own.items() if len(compared(table))]
        if rows:
            lines = [HEAD, ["---"] * len(HEAD), *rows]
            body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
            parts.append(f"{title}:\n\n{body}\n")
        lacking = [
            f"`{model}`" for model in MODELS if not len(compared(runs.get((data, model), NONE)))
        ]
        if lacking:
            parts.append(f"{title}, not measured yet: {', '.join(lacking)}.\n")
    return "\n".join(parts)


NONE = pd.DataFrame({"retrained": []})  # a replay that nobody ran


def with_tables(text: str, runs: Runs) -> str:
    """The page, with these tables between the marks."""
    assert PART.search(text), "the page has no <!-- replays --> … <!-- the end of replays -->"
    return PART.sub(lambda _: f"\n{tables(runs)}\n", text, count=1)


def picture(runs: Runs) -> str:
    """An SVG: for each replay recall on the periods that were compared, a line a way."""
    shown = {run: table[table["retrained"].notna()] for run, table in runs.items()}
    shown = {run: table for run, table in shown.items() if len(table) > 1}
    parts, models = [], [name for name in MODELS if any(name == run[1] for run in shown)]
    for place, (way, colour) in enumerate(WAYS.items()):
        x = LEFT + 110 * place
        parts.append(
            f'<path d="M{x},18h20" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{x + 26}" y="22">{way}</text>'
        )
    for column, data in enumerate(DATA):
        for line, model in enumerate(models):
            if (data, model) in shown:
                x, y = LEFT + column * (WIDTH + LEFT + 20), TOP + line * (HEIGHT + GAP)
                parts.append(_panel(f"{SHORT[data]}: {model}", shown[data, model], x, y))
    width, height = 2 * (WIDTH + LEFT) + 40, TOP + len(models) * (HEIGHT + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        "<title>Recall@50 of what users take next, by a model that is never updated, updated, and "
        f"retrained</title><style>{CSS}</style>"
        f'<rect width="100%" height="100%" rx="10" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _panel(title: str, table: pd.DataFrame, x: int, y: int) -> str:
    most = table[list(WAYS)].max().max()
    first, last = table["period"].min(), table["period"].max()
    lines = []
    for way, colour in WAYS.items():
        points = " ".join(
            f"{x + WIDTH * (period - first) / (last - first):.1f},"
            f"{y + HEIGHT * (1 - value / most):.1f}"
            for period, value in zip(table["period"], table[way], strict=True)
        )
        lines.append(f'<polyline points="{points}" stroke="{colour}"/>')
    return (
        f'<text class="title" x="{x}" y="{y - 8}">{title}</text>'
        f'<path class="axis" d="M{x},{y}v{HEIGHT}h{WIDTH}" fill="none"/>'
        f'<text class="scale" x="{x - 6}" y="{y + 5}">{_share(most)}</text>'
        f'<text class="scale" x="{x - 6}" y="{y + HEIGHT + 4}">0</text>'
        f'<text x="{x}" y="{y + HEIGHT + 16}">{first}</text>'
        f'<text class="scale" x="{x + WIDTH}" y="{y + HEIGHT + 16}">{last}</text>{"".join(lines)}'
    )


def _share(number: float, digits: int = 3) -> str:
    return f"{number:.{digits}f}".removeprefix("0")


def main() -> None:
    runs = replays()
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_tables(text, runs), encoding="utf-8")
    PICTURE.write_text(picture(runs), encoding="utf-8")


if __name__ == "__main__":
    main()
