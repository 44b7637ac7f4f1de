"""The site that `make docs` builds, as a reader's browser opens it from disk."""

import pathlib

import pytest

from tests.browser import CHROMIUM, WIDTHS, needs_chromium

SITE = pathlib.Path(__file__).parents[1] / "build" / "docs"
PAGES = ["index", "which_model", "figures", "models/eges", "serving", "reference/models"]

pytestmark = [
    pytest.mark.programs,
    needs_chromium,
    # `make programs`, which `.ci/run` calls, builds it before; the file alone has nothing to open.
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="`make docs` builds the site"),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_the_screen_and_asks_nobody(name, width, browser, tmp_path):
    page = browser.new_page(viewport={"width": width, "height": 844})
    asked, complaints = set(), []
    page.on("request", lambda request: asked.add(request.url.split(":")[0]))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((SITE / f"{name}.html").as_uri())
    assert page.locator("h1").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    images = page.locator("article img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert 0 not in images
    assert asked <= {"file", "data", "blob"}
    assert complaints == []
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    page.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_reader_searches_and_follows_what_is_found(width, browser):
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto((SITE / "index.html").as_uri())
    if width == min(WIDTHS):
        page.locator("label[for=__search]").first.click()
    page.locator("input.md-search__input").press_sequentially("label-aware attention")
    found = page.locator(".md-search-result__item a").first
    found.wait_for()
    found.click()
    page.wait_for_load_state()
    assert "label-aware attention" in page.locator("article").inner_text().lower()
    page.close()
