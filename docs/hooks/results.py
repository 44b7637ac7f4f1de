"""The tables of benchmarks/RESULTS.md as a page, with the plots that they name."""

import pathlib
import re

from mkdocs.structure.files import File

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"
PLOT = re.compile(r"\]\((plots/[^)]+)\)")


def on_files(files, config, **_):
    text = (FOLDER / "RESULTS.md").read_text(encoding="utf-8")
    for plot in PLOT.findall(text):
        files.append(File.generated(config, plot, abs_src_path=str(FOLDER / plot)))
    text = text.replace("](../README.md)", "](figures.md)")
    files.append(File.generated(config, "results.md", content=text))
    return files
