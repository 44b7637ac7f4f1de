"""The report: one file, asked by nobody and asking nobody; in a browser at two widths."""

import json
import pathlib
import re

import pytest

from tests.browser import CHROMIUM, WIDTHS, needs_chromium
from tests.comparison.made_up import FACTS, result, results
from tfrec_recall.comparison import page, summarised

TITLES = {"i1": "Thing <one>", "i2": "Thing two"}
LONG = "W" * 400
# Names that every object of JavaScript has, and a title without a blank.
AWKWARD = [["constructor", ""], ["__proto__", ""], ["own-u0", LONG]]


@pytest.fixture(scope="module")
def text():
    made = (
        result("popular", values=(0.1, 0.2, 0.3, 0.4), train_seconds=0.5, epochs=[]),
        result("two-tower", 0),
        result("two-tower", 1, values=(0.4, 0.4, 0.8, 1.0)),
        result("item-cf", train_seconds=1.5, seconds_to_best=None, epochs=[]),
    )
    absent = {**result("sdm", status="left out"), "why": "it needs an order of events"}
    names = ["popular", "item-cf", "sdm", "two-tower", "mind"]
    first, *others = FACTS["picked"]
    facts = {**FACTS, "picked": [{**first, "events": 3, "history": AWKWARD}, *others]}
    summary = summarised(results(*made, absent), facts, names)
    return page({**summary, "command": "tfrec-recall compare"}, TITLES)


def test_the_page_is_whole_and_asks_nobody(text):
    for word in ("http://", "https://", "src=", "@import", "url(", "import("):
        assert word not in text
    assert "/*" + "data*/" not in text
    assert text.count("</script>") == 2  # no title ends one


def test_ids_that_a_browser_would_round_are_text():
    first, second = 2**60, 2**60 + 1
    told = [[first, True, 2.0, {"near": [[second, 0.9]]}], [7, False, 1.0, {}]]
    user = {"user": -second, "events": 2, "about": ""}
    user |= {"history": [[second, "B"]], "wanted": [[first, "A"]]}
    facts = {**FACTS, "picked": [user]}
    summary = summarised(results(result("two-tower", lists=[told])), facts, ["two-tower"])
    made = page({**summary, "command": ""}, {first: "A", second: "B", 7: "C"})
    carried = re.search(r'id="data">(.*?)</script>', made, re.DOTALL)
    data = json.loads(carried.group(1))
    assert data["titles"] == {str(first): "A", str(second): "B", "7": "C"}  # also of reasons
    told[0][0], told[0][3]["near"][0][0] = str(first), str(second)
    assert data["models"][0]["lists"] == [told]
    shown = {"user": str(-second), "history": [[str(second), "B"]], "wanted": [[str(first), "A"]]}
    assert data["facts"]["picked"] == [{**user, **shown}]


@needs_chromium
def test_a_browser_sorts_a_column_and_picks_a_user(text, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    complaints, asked = [], set()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in WIDTHS:
            opened = browser.new_page(viewport={"width": width, "height": 844})
            opened.on("pageerror", lambda error: complaints.append(str(error)))
            opened.on("console", lambda line: complaints.append(line.text))
            opened.on("request", lambda request: asked.add(request.url.partition(":")[0]))
            opened.goto(file.as_uri())
            expect(opened.locator("#title")).to_have_text("shop: 3 recall models side by side")
            expect(opened.locator("#absent li")).to_have_text(
                [
                    "sdm is not here. Left out: it needs an order of events",
                    "mind is not here. No run of it has ended",
                ]
            )

            names = opened.locator("#leaderboard tbody td:first-child")
            assert names.all_inner_texts() == ["two-tower", "item-cf", "popular"]
            training = opened.locator("#leaderboard th", has_text="training")
            training.locator("button").click()
            assert names.all_inner_texts() == ["popular", "item-cf", "two-tower"]
            assert training.get_attribute("aria-sort") == "ascending"
            training.locator("button").click()
            assert names.all_inner_texts() == ["two-tower", "item-cf", "popular"]
            opened.locator("#leaderboard th", has_text="to the best").locator("button").click()
            assert names.all_inner_texts()[0] == "two-tower"  # the only one that has it
            row = opened.locator("#leaderboard tbody tr", has_text="two-tower")
            expect(row).to_contain_text(".575 ± ")
            expect(row).to_contain_text("σ .106")

            for chart in ("by-training", "by-latency", "over-k", "exposure", "by-item"):
                assert opened.locator(f"#{chart} svg").count() == 1, chart
            assert opened.locator("#over-k svg").get_attribute("aria-label") == "Recall over k"
            assert opened.locator("#over-k polyline").count() == 3
            assert opened.locator("#learning polyline").count() == 1
            opened.locator("#models button", has_text="item-cf").click()
            assert opened.locator("#over-k polyline").count() == 2

            had = opened.locator("#history li").all_inner_texts()
            assert had == [LONG, "__proto__", "constructor"]
            wide = opened.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, "the page is wider than the screen"
            opened.locator("#user").select_option(label="u1: 2 events")
            expect(opened.locator("#about")).to_have_text("age 1")
            assert opened.locator("#history li").all_inner_texts() == ["own-u1", "</script><b>Old"]
            expect(opened.locator("#history-title")).to_have_text("Had, the latest first")
            mine = opened.locator("#lists article", has_text="two-tower")
            assert mine.locator("li > span").all_inner_texts() == ["two-tower u1", "✓ Wanted"]
            assert mine.locator("li small").all_inner_texts() == ["near </script><b>Old .90"]
            opened.screenshot(path=tmp_path / f"report-{width}.png", full_page=True)
            opened.close()
        browser.close()
    assert complaints == []
    assert asked == {"file"}
    assert all(pathlib.Path(tmp_path / f"report-{width}.png").stat().st_size for width in WIDTHS)


@needs_chromium
def test_models_without_recall_on_validation_have_curves_of_what_they_have(tmp_path):
    from playwright.sync_api import sync_playwright

    losses = [{"epoch": epoch, "loss": 300.0 / epoch, "seconds": 1.0} for epoch in (1, 2, 3)]
    ratings = [{**epoch, "val_rmse": 1.0 - epoch["epoch"] / 10} for epoch in losses]
    places = [losses[0], *({**epoch, "val_recall@50": epoch["epoch"] / 10} for epoch in losses[1:])]
    made = (
        *(result("two-tower"), result("item-cf", epochs=[])),
        *(result("item2vec", epochs=losses, best_epoch=None), result("funk-svd", epochs=ratings)),
        result("ges", epochs=places, best_epoch=None),
    )
    summary = summarised(results(*made), FACTS, [one["model"] for one in made])
    file = tmp_path / "report.html"
    file.write_text(page({**summary, "command": ""}, TITLES), encoding="utf-8")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.goto(file.as_uri())
        learning = opened.locator("#learning .legend span").all_inner_texts()
        assert sorted(learning) == ["ges", "two-tower"]
        drawn = opened.locator("#learning polyline").all()
        points = [len(one.get_attribute("points").split()) for one in drawn]
        assert points[learning.index("ges")] == 2  # the epochs that were measured
        curves = opened.locator("#losses .legend span").all_inner_texts()
        assert sorted(curves) == ["funk-svd, RMSE", "item2vec"]
        assert opened.locator("#losses polyline").count() == 2
        assert opened.locator("#losses circle").count() == 1  # the epoch that was kept
        browser.close()


@needs_chromium
def test_a_history_without_times_has_no_latest_event(tmp_path):
    from playwright.sync_api import expect, sync_playwright

    user = {**FACTS["picked"][0], "events": 5}
    facts = {**FACTS, "has_time": False, "picked": [user]}
    summary = summarised(results(result("two-tower")), facts, ["two-tower"])
    file = tmp_path / "report.html"
    file.write_text(page({**summary, "command": ""}, TITLES), encoding="utf-8")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.goto(file.as_uri())
        expect(opened.locator("#history-title")).to_have_text("Had (3 others are left out)")
        browser.close()
