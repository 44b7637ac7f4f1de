"""The Python of the documentation runs: each page from top to bottom, one epoch on tiny data.

That is `make programs`; the suite itself checks that all of it compiles, and that what it imports
is there. The pages of `OWN` have tests of their own. A block whose fence says `only compiled` is
that.
"""

import ast
import contextlib
import http.server
import importlib
import json
import pathlib
import re
import runpy
import shutil
import threading
import tomllib
from types import SimpleNamespace

import pandas as pd
import pytest
import tensorflow as tf

import tfrec_recall
from tests.contract.departures import CHOSEN, departures, of_papers, paper, source
from tests.documented import FENCED, TEXTS, texts
from tests.small_data import for_small, is_quick_eagerly, small
from tfrec_recall import models
from tfrec_recall.data import datasets

ROOT = pathlib.Path(__file__).resolve().parents[1]
OWN = {
    "in_your_own_model.md",
    "serving.md",
}  # tests/test_in_your_own_model.py, test_serving_page.py
BLOCK = re.compile(r"^```(?:python|\{\.python)([^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = {
    path.relative_to(ROOT / "docs").as_posix(): BLOCK.findall(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if path.name not in OWN
}


@pytest.mark.programs
@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    if "tfrec_recall.spark" in "".join(text for _, text in PAGES[page]):
        pytest.importorskip("pyspark", reason="the page needs PySpark: pip install 'pyspark>=4,<5'")
        if shutil.which("java") is None:
            pytest.skip("the page needs Java 17, which runs Spark")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load", small)
    names: dict[str, object] = {}
    for fence, text in PAGES[page]:
        code = for_small(text)
        program = compile(code, str(ROOT / "docs" / page), "exec")
        if "only compiled" in fence:
            continue
        tf.config.run_functions_eagerly(is_quick_eagerly(code))
        try:
            exec(program, names)
        finally:
            tf.config.run_functions_eagerly(False)


def test_what_the_programs_import_is_there():
    examples = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py")]
    blocks = [block for _, text in texts() for _, block in BLOCK.findall(text)]
    imported = [
        (node.module, alias.name)
        for text in examples + blocks
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tfrec_recall")
        for alias in node.names
    ]
    missing = [pair for pair in imported if not hasattr(importlib.import_module(pair[0]), pair[1])]
    assert imported
    assert not missing


def test_what_is_python_or_toml_is_marked_as_such():
    """Else nobody compiles it; outputs and commands are no Python."""
    unmarked = []
    for page, text in texts():
        for fence, block in FENCED.findall(text):
            if fence == "toml":
                assert tomllib.loads(block), page
            elif not fence:
                with contextlib.suppress(SyntaxError):
                    unmarked += [(page, block)] * bool(ast.parse(block).body)
    assert not unmarked


def test_links_outside_of_the_site_lead_to_files_and_headings():
    """Those within are checked when it is built."""
    outside = [page for page in TEXTS if (ROOT / "docs") not in page.parents]
    links = [
        (page, *found)
        for page in outside
        for found in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", page.read_text("utf-8"))
    ]
    assert (ROOT / "README.md", "docs/serving.md", "which-index") in links
    lost = []
    for page, target, anchor in links:
        place = page.parent / target if target else page
        if not place.exists() or (anchor and anchor not in headings(place)):
            lost.append((page.name, target, anchor))
    assert not lost


def headings(page):
    """The anchors of a page, as GitHub and the site make them."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    plain = [re.sub(r"[^\w\s-]", "", title) for title in re.findall(r"^#+ (.+)$", text, re.M)]
    return {title.strip().lower().replace(" ", "-") for title in plain}


def test_addresses_that_lead_out_are_listed_and_asked(tmp_path):
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "links.py"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "one.md").write_text(
        "[a](https://a.example/b), `http://localhost:8501/v1`"
    )
    (tmp_path / "README.md").write_text("<https://a.example/b>. https://c.example/${COMMIT}")
    assert hook["links"](tmp_path) == {"https://a.example/b": ["README.md", "docs/one.md"]}
    assert "README.md" in hook["links"]()["https://www.tensorflow.org/recommenders"]

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response({"/lost": 404, "/browsers": 403}.get(self.path, 200))
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, args=[0.01], daemon=True).start()
        address = f"http://127.0.0.1:{site.server_port}"
        faults = [hook["fault"](address + path) for path in ("/", "/browsers", "/lost")]
        site.shutdown()
    assert faults == ["", "", "status 404"]
    assert hook["fault"](address)  # there is nobody now


def test_what_the_readme_says_is_not_there_yet_is_not():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"with {len(of_papers()) + 1} models of the literature" in readme
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    plain = results.partition("## The papers' plain forms")[2].partition("\n| | taken back")[0]
    rows = re.findall(r"^\| `[\w-]+` \|[^|]*\|([^|]*)\|", plain, re.MULTILINE)
    assert len(rows) > 10
    told = "Of some models the paper's [plain form]" in readme
    assert told == any(not figure.strip() for figure in rows)


def test_each_model_has_a_page_with_a_figure_equations_limits_and_a_program():
    missing = []
    for name in models.__all__:
        if name == "RecallModel":
            continue
        pages = [
            path.read_text(encoding="utf-8")
            for path in (ROOT / "docs" / "models").glob("*.md")
            if f"\nmodel: {name}\n" in path.read_text(encoding="utf-8")
        ]
        parts = ["```figure", "## Equations", "## Limits", "```python"]
        missing += [(name, part) for part in parts if sum(part in page for page in pages) != 1]
    assert not missing


OF_SIZE = re.compile(
    r"[Aa]s (those )?of \[|bytes|vector|memory|table|rows|catalogue|number an item|size"
)


def test_the_limits_of_each_page_tell_those_of_size():
    silent = [
        path.name
        for path in sorted((ROOT / "docs" / "models").glob("*.md"))
        if "\nmodel: " in (text := path.read_text(encoding="utf-8"))
        and not OF_SIZE.search(text.partition("## Limits")[2].partition("```python")[0])
    ]
    assert not silent


def page_of(**meta):
    """What the hook makes of a page with this front matter, and of a title and some text."""
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "model_pages.py"))
    return hook["on_page_markdown"]("# Title\n\nText.\n", SimpleNamespace(meta=meta))


def test_the_page_of_a_model_names_its_paper_in_full_below_its_title():
    for model_class in of_papers():
        head, _, rest = page_of(model=model_class.__name__).partition("\n\nText.\n")
        title, said = head.split("\n\n")
        assert title == "# Title"
        assert said == f"Paper: {source(model_class)}"
        assert paper(model_class) in said
        assert f"is the plain form of {paper(model_class)}," in rest
    assert "Paper:" not in page_of(model="Popular")


def test_a_page_has_the_departures_of_every_model_from_its_paper():
    page = (ROOT / "docs" / "models" / "departures.md").read_text(encoding="utf-8")
    assert page.startswith("---\ndepartures: true\n---\n")
    rows = page_of(departures=True).partition("\n\nText.\n\n")[2].splitlines()[2:]
    of = ""
    found: dict[str, list[list[str]]] = {}
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        of = cells[0].strip("`") or of
        found.setdefault(of, []).append(cells)
    names = [name for name in models.__all__ if name not in ("RecallModel", "Popular")]
    assert list(found) == names
    for model_class in of_papers():
        own = found[model_class.__name__]
        assert own[0][1] == paper(model_class)
        told = [(what, back.removesuffix(CHOSEN)) for _, _, what, back in own if what != "training"]
        assert told == [(each.what, each.text) for each in departures(model_class)]


def test_what_is_not_above_most_popular_says_so_with_the_data_set_on_its_page():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "leaderboard.py"))
    command_of = runpy.run_path(str(ROOT / "docs" / "hooks" / "model_pages.py"))["command_of"]
    of = {command_of(cls.__name__): cls.__name__ for cls in of_papers()}
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs/models").glob("*.md")]
    below = [
        (data, of[row["model"]])
        for data in hook["TITLES"]
        for _, row in pd.read_csv(ROOT / "docs" / "leaderboards" / f"{data}.csv").iterrows()
        if row[f"{hook['METRIC']} above popular low"] <= 0  # of `popular` itself there is none
    ]
    assert ("online-retail", "AirbnbType") in below
    for data, name in below:
        (page,) = [text for text in pages if f"\nmodel: {name}\n" in text]
        told = hook["TITLES"][data].partition(",")[0]
        paragraphs = [" ".join(part.split()) for part in page.split("\n\n")]
        assert any(told in part and "most-popular" in part for part in paragraphs), (data, name)


def test_the_version_is_the_same_wherever_it_is_told():
    with open(ROOT / "pyproject.toml", "rb") as file:
        version = tomllib.load(file)["project"]["version"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    told = re.findall(r"^version: (.+)$", citation, re.MULTILINE)
    assert [tfrec_recall.__version__, *told] == [version, version]


def test_what_is_only_compiled_says_so_to_the_reader():
    marked = [(page, fence) for page, found in PAGES.items() for fence, _ in found if fence.strip()]
    assert all("title=" in fence for _, fence in marked), marked


def test_tables_and_picture_are_of_what_compare_found():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "leaderboard.py"))
    tables, how = hook["leaderboards"](), "python docs/hooks/leaderboard.py writes it again"
    text = {part: hook[part].read_text(encoding="utf-8") for part in ("FIGURES", "README")}
    assert text["FIGURES"] == hook["with_tables"](text["FIGURES"], tables), how
    assert text["README"] == hook["with_summary"](text["README"], tables), how
    assert hook["PICTURE"].read_text(encoding="utf-8") == hook["picture"](tables), how


def test_tables_and_picture_of_replays_are_of_what_replay_found():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "replays.py"))
    runs, how = hook["replays"](), "python docs/hooks/replays.py writes it again"
    text = hook["PAGE"].read_text(encoding="utf-8")
    assert text == hook["with_tables"](text, runs), how
    assert hook["PICTURE"].read_text(encoding="utf-8") == hook["picture"](runs), how


def test_what_replay_found_as_a_table():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "replays.py"))
    ways = {"never": [0.5, 0.3], "updated": [0.5, 0.396], "retrained": [0.5, 0.4]}
    seconds = {"update_seconds": [0.0, 2.0], "retrain_seconds": [10.0, 10.0]}
    parts = {"index_seconds": 0.25, "measure_seconds": 3.0, "export_seconds": [4.0, None]}
    table = pd.DataFrame({"period": [30, 31], **ways, **seconds, **parts})
    found = hook["tables"]({("simulated", "eges"): table})
    row = "| `eges` | 1 | .300 | .396 | .400 | .990 | 2.0 s | 10.0 s | .20 | 0.2 s | 3.0 s | 4.0 s"
    assert f"{row} | recall |" in found
    assert "by days, not measured yet: `item-cf`, `two-tower`, " in found
    assert 'points="50.0,58.0 380.0,96.4"' in hook["picture"]({("simulated", "eges"): table})


def test_what_compare_found_as_tables():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "leaderboard.py"))
    metrics = ("recall@10", "recall@50", "recall@100", "ndcg@10", "coverage@50")
    mind = {"model": "mind", "seeds": 3, **dict.fromkeys(metrics, 0.4807)}
    mind["recall@50 deviation"] = 0.0041
    popular = {"model": "popular", "seeds": 1, **dict.fromkeys(metrics, 0.2178)}
    tables = {"online-retail": pd.DataFrame([mind, popular]).assign(stopped_by_budget=False)}
    old = "| model | seeds | Recall@50 |\n| --- | --- | --- |\n| `mind` | 3 | .1 |"
    page = f"{hook['TITLES']['online-retail']}:\n\n{old}\n\nOther films:\n\n{old}\n"
    shown = hook["with_tables"](page, tables)
    assert "| `mind` | 3 | .481 | .481 ± .004 | .481 | .481 | .48 |\n\nOther films" in shown
    assert shown.endswith(old + "\n")
    head = "| | Online Retail, Recall@50 | Gowalla, published split, Recall@20 |\n"
    readme = f"{head}| --- | --- | --- |\n| `mind` | .1 | .2 |\n| `sdm` | .3 | |\n\nand so on\n"
    measured = readme.replace(".1", ".481 ± .004").replace("| .3 |", "| |")  # one was not
    assert hook["with_summary"](readme, tables) == measured
    with pytest.raises(ValueError, match=r"title of its own for each.*Online Retail"):
        hook["with_tables"]("Other films:\n\n" + old, tables)
    assert ">.218</text>" in hook["picture"](tables)
    cut = {name: table.assign(stopped_by_budget=True) for name, table in tables.items()}
    assert "| .481 ± .004 † | .2 |" in hook["with_summary"](readme, cut)
    metrics = ("recall@20", "ndcg@20", "recall@50", "coverage@50")
    published = pd.DataFrame([{"model": "mind", "seeds": 1, **dict.fromkeys(metrics, 0.1872)}])
    published = {"gowalla": published.assign(cuts="20 50", stopped_by_budget=False)}
    page = f"{hook['TITLES']['gowalla']}:\n\n{old}\n"
    head = "| model | seeds | Recall@20 | Recall@50 | NDCG@20 | coverage@50 |"
    assert head in hook["with_tables"](page, published)


def test_a_table_with_a_mark_is_written_anew_with_its_note():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "leaderboard.py"))
    metrics = ("recall@10", "recall@50", "recall@100", "ndcg@10", "coverage@50")
    rows = [{"model": name, "seeds": 1, **dict.fromkeys(metrics, 0.1)} for name in ("mind", "sdm")]
    table = pd.DataFrame(rows).assign(stopped_by_budget=[True, False])
    title, note = hook["TITLES"]["beauty"], "\n\n† the budget ended its training."
    old = "| model | seeds |\n| --- | --- |\n| `mind` | 3 |"
    for end in ("\n", "\n\nAnd so on.\n"):
        page = f"{title}:\n\n{old}{end}"
        once = hook["with_tables"](page, {"beauty": table})
        assert once.count("†") == 2
        assert once.endswith(f".10 |{note}{end}")
        assert hook["with_tables"](once, {"beauty": table}) == once
        whole = table.assign(stopped_by_budget=False)
        assert "†" not in hook["with_tables"](once, {"beauty": whole})
        several = once.replace(note, note * 2)  # as it was written once
        assert hook["with_tables"](several, {"beauty": table}) == once


def test_the_page_of_a_model_has_its_rows_of_every_table_of_figures():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "model_pages.py"))
    figures = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    tables = hook["TABLE"].findall(figures)
    assert len(tables) == len(re.findall(r"^\| model \|", figures, re.MULTILINE)) > 2
    for name in ("EGES", "GES", "TwoTower", "SDM"):
        shown = "\n".join(hook["measured"](name))
        row = rf"^\| `{hook['command_of'](name)}`(?: †)? \|"
        count = len(re.findall(row, figures, re.MULTILINE))
        assert len(re.findall(row, shown, re.MULTILINE)) == count > 1, name
        assert len(re.findall(r"^\| `popular` \|", shown, re.MULTILINE)) == count, name


def test_a_mark_on_the_page_of_a_model_has_its_note(monkeypatch, tmp_path):
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "model_pages.py"))
    (tmp_path / "docs").mkdir()
    rows = "| `popular` | .1 |\n| `ges`, `eges` † | .2 |\n| `sdm` | .3 |"
    page = f"Films:\n\n| model | Recall |\n| --- | --- |\n{rows}\n\n† the budget.\n\nMore.\n"
    (tmp_path / "docs" / "figures.md").write_text(page, encoding="utf-8")
    monkeypatch.setitem(hook["measured"].__globals__, "ROOT", tmp_path)
    assert hook["measured"]("EGES")[-1].endswith("| `ges`, `eges` † | .2 |\n\n† the budget.")
    assert hook["measured"]("SDM")[-1].endswith("| `popular` | .1 |\n| `sdm` | .3 |")


def test_every_figure_is_drawn_and_an_arrow_from_nowhere_is_refused():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "figures.py"))
    blocks = [
        block
        for path in (ROOT / "docs").rglob("*.md")
        for block in hook["BLOCK"].findall(path.read_text(encoding="utf-8"))
    ]
    assert len(blocks) == len(models.__all__)  # one a model, and that of the first page
    for caption, text in blocks:
        drawn = hook["figure"](text, caption)
        boxes = sum(bool(cell.strip()) for row in text.splitlines() for cell in row.split("|"))
        assert drawn.count("<rect") == boxes
        assert caption in drawn
    with pytest.raises(ValueError, match=r"comes from no box. Received: 'c'"):
        hook["figure"]("a: one\nb: two < a c", "two boxes")


def test_tables_of_ablations_are_what_was_printed():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "ablations.py"))
    found = hook["all_printed"]()
    for part in ("WHOLE", "PARTS"):
        text = hook[part].read_text(encoding="utf-8")
        assert text == hook["filled"](text, found, whole=part == "WHOLE")
        assert len(hook["TABLE"].findall(text)) == {"WHOLE": 1, "PARTS": 4}[part]


def test_tables_of_the_papers_forms_are_what_was_run(tmp_path):
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "published.py"))
    text = hook["PAGE"].read_text(encoding="utf-8")
    assert text == hook["filled"](text)
    line = {"model": "mind", "form": "`gone=1`", "data": "movielens-100k", "seed": 0}
    (tmp_path / "movielens-100k.jsonl").write_text(json.dumps(line), encoding="utf-8")
    hook["filled"].__globals__["RUNS"] = tmp_path
    with pytest.raises(ValueError, match=r"no model has. Received: \[\('mind', '`gone=1`'\)\]"):
        hook["filled"](text)


def test_a_table_of_ablations_is_filled_by_the_names_of_its_rows():
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "ablations.py"))
    head = "| online-retail, validation | recall@50 | coverage@50 | popularity_rank@50 |\n"
    rows = "| YouTubeDNN | 0.1934 ± 0.002 | 0.4912 | 454.7 |\n| own | 0.2 | 0.5 | 433 |\n"
    rows += "| SDM | none: SDM needs times. |\n"
    found = {"online-retail": hook["printed"](f"{head}| --- | --- | --- | --- |\n{rows}")}
    titles = "| | Films: Recall@50 | Online Retail: Recall@50 | coverage | popularity rank |\n"
    page = (
        f"Text.\n\n{titles}| --- | --- | --- | --- | --- |\n| `YouTubeDNN` | .5 | .1 | .2 | 9 |\n"
    )
    with_one_more = f"{page}| &nbsp;&nbsp;own | .6 | | | |\n\nMore.\n"
    shown = hook["filled"](with_one_more, found, whole=True)
    assert "| `YouTubeDNN` | .5 | .193 ± .002 | .49 | 455 |\n" in shown
    assert "| &nbsp;&nbsp;own | .6 | .200 | .50 | 433 |\n\nMore." in shown
    with pytest.raises(ValueError, match=r"for which there is none. Received: \['own'\]"):
        hook["filled"](page, found, whole=True)
    with pytest.raises(ValueError, match=r"is one that was printed. Received: 'other'"):
        hook["filled"](f"{page}| other | .1 | .2 | .3 | 4 |\n", found)
