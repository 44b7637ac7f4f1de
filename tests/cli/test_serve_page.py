"""The page of `serve`: what it asks the server, and what a browser shows."""

import contextlib
import json
import pathlib
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from starlette.testclient import TestClient

from tests.browser import CHROMIUM, WIDTHS, needs_chromium
from tests.retrieval.toys import MeanOfHistory, item_vectors
from tfrec_recall.cli.arguments.queries import of_users_among, of_users_in
from tfrec_recall.cli.known import Catalogue, Known
from tfrec_recall.data import Interactions
from tfrec_recall.export import export
from tfrec_recall.retrieval import EmbeddingRetriever
from tfrec_recall.serving.application import application
from tfrec_recall.serving.connections import bound, server
from tfrec_recall.serving.page import Page
from tfrec_recall.serving.rest import Rest
from tfrec_recall.serving.versions import Versions


@contextlib.contextmanager
def applied(export_folder, interactions):
    with ThreadPoolExecutor(2) as workers:
        versions = Versions(export_folder)
        rest = Rest(versions, workers, 2**20, 5, lambda line: None)
        known = Known(interactions, "shop")
        yield application(rest, Page(versions, known, workers, 2**21, 5))


@contextlib.contextmanager
def listening(app):
    """The address at which the page is."""
    at, listens = bound("127.0.0.1", 0), threading.Event()
    running = server(app, 5, listens.set)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [at]})
    thread.start()
    assert listens.wait(10)
    try:
        yield f"http://127.0.0.1:{at.getsockname()[1]}/"
    finally:
        running.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def app(exported, split):
    with applied(exported, split.interactions) as app:
        yield app


@pytest.fixture(scope="module")
def client(app):
    return TestClient(app)


@pytest.fixture(scope="module")
def address(app):
    with listening(app) as address:
        yield address


def test_what_the_head_says(client):
    about = client.get("/page/about").json()
    assert (about["model"], about["items"], about["users"]) == ("even", 30, 12)
    assert about["model_spec"]["name"] == "even"
    assert "serving_default" in about["metadata"]["signature_def"]["signature_def"]


def test_users_and_items_are_found_by_what_is_typed(client):
    found = client.get("/page/users", params={"text": "V03"}).json()
    assert found == [{"user_id": "v03", "events": 17}]
    assert len(client.get("/page/users").json()) == 12
    things = client.get("/page/items", params={"text": "thing [2"}).json()
    assert things[0] == {"item_id": "s02", "title": "Thing [2]"}
    assert len(things) == 11
    assert client.get("/page/items", params={"text": "s29 thing"}).json()[0]["item_id"] == "s29"
    assert client.get("/page/items", params={"text": "nothing"}).json() == []
    names = client.post("/page/titles", json={"ids": ["s07", "no"]}).json()
    assert names == ["Thing [7]", None]


def test_queries_are_those_of_recommend(client, split):
    events = split.interactions.events
    mine = events[events["user_id"] == "v05"].sort_values("timestamp")["item_id"].tolist()
    found = client.post("/page/query", json={"user": "v05"}).json()
    assert found == {"inputs": {"history": mine}, "had": mine}
    found = client.post("/page/query", json={"items": ["s04", "s02"]}).json()
    assert found == {"inputs": {"history": ["s04", "s02"]}, "had": ["s04", "s02"]}


def test_numbers_of_users_are_written_with_their_own_digits():
    """In JSON that the page can read: as a float64, a float32 has digits that nobody wrote."""

    class Served:
        definitions = {}  # noqa: RUF012

    users = pd.DataFrame({"user_id": ["u", "v"], "age": [0.85, np.nan], "code": [2**53 + 1, 7]})
    inputs = {
        "history": tf.TensorSpec([None, None], tf.string),
        "age": tf.TensorSpec([None], tf.float32),
        "code": tf.TensorSpec([None], tf.int64),
    }
    made = EmbeddingRetriever(
        lambda raw: raw["age"][:, tf.newaxis], ["a", "b"], [[1.0], [2.0]], inputs=inputs
    )
    made.card, made.items, served = {}, None, Served()
    events = pd.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]})
    known = Known(Interactions(events, users), "shop")
    known._catalogues[served] = Catalogue(made, {}, pd.Series(dtype=str), {})
    found, had = known.query(served, "u", [])
    assert json.dumps(found) == '{"history": ["a"], "age": 0.85, "code": 9007199254740993}'
    assert had == ["a"]
    assert known.query(served, "v", [])[0]["age"] == "NaN"


def test_a_user_is_asked_about_without_a_look_at_all_others(exported, split, monkeypatch):
    made, checked = [], []

    def spied(part, *arguments):
        made.append((len(part.events), len(part.users)))
        return of_users_among(part, *arguments)

    monkeypatch.setattr("tfrec_recall.cli.known.of_users_among", spied)
    monkeypatch.setattr(
        "tfrec_recall.cli.known.check_catalogue", lambda *arguments: checked.append(arguments)
    )
    data = split.interactions
    known = Known(data, "shop")
    with Versions(exported).using("even") as service:
        retriever = known._of(service.servable).retriever
        for user in ("v03", "v05", "nobody"):
            queries, rows = of_users_in(data, "shop", retriever, [user], {})
            inputs, had = known.query(service.servable, user, [])
            expected = queries.batch(np.array(rows))["history"].numpy()[0]
            assert inputs["history"] == [item.decode() for item in expected]
            assert had == [item for item in inputs["history"] if item]
    assert had == []  # of nobody no place is shown
    events = data.events["user_id"].value_counts()
    everything = len(data.events), len(data.users)
    assert made == [(events["v03"], 1), (events["v05"], 1), everything]
    assert len(checked) == 1


def test_requests_come_after_all_events_where_times_are_an_order():
    class Served:
        definitions = {}  # noqa: RUF012

    events = pd.DataFrame({"user_id": [7, 8, 7, 8], "item_id": ["a", "b", "b", "a"]})
    users = pd.DataFrame({"user_id": [8, 9, 7], "age": [0.5, 0.25, 0.75]})
    inputs = {"timestamp": tf.TensorSpec([None], tf.int64), "age": tf.TensorSpec([None])}
    made = EmbeddingRetriever(
        lambda raw: raw["age"][:, tf.newaxis], ["a", "b"], [[1.0], [2.0]], inputs=inputs
    )
    made.card, made.items, served = {}, None, Served()
    known = Known(Interactions(events.assign(timestamp=[3, 4, 1, 2]), users), "shop")
    known._catalogues[served] = Catalogue(made, {}, pd.Series(dtype=str), {})
    assert known.query(served, 7, []) == ({"timestamp": 5, "age": 0.75}, ["b", "a"])
    assert known.query(served, 9, [])[0] == {"timestamp": 5, "age": 0.25}


def test_the_page_sends_as_much_as_the_server_takes(client):
    found = client.post("/page/titles", json={"ids": ["x" * 2**20]})
    assert found.json() == [None]
    response = client.post("/page/titles", json={"ids": ["x" * 2**21]})
    assert response.status_code == 413
    assert "2,097,152 bytes, which --largest-request sets" in response.json()["error"]


def test_what_the_page_has_not_is_said(client, exported):
    assert client.get("/page/forecast").status_code == 404
    response = client.post("/page/query", content=b"{")
    assert (response.status_code, set(response.json())) == (400, {"error"})
    without = Known(None, "")
    with (
        pytest.raises(ValueError, match="no data to find a user in"),
        Versions(exported).using("even") as service,
    ):
        without.query(service.servable, "v01", [])


class OfImages(tf.Module):
    """The vector of an item is its image."""

    inputs = {  # noqa: RUF012
        "item_id": tf.TensorSpec([None], tf.string),
        "category": tf.TensorSpec([None], tf.string),
        "image": tf.TensorSpec([None, 6], tf.float32),
    }

    def __call__(self, raw):
        return raw["image"]


@pytest.mark.parametrize("filterable", [[], ["category"]])
def test_only_what_filters_choose_by_is_offered(filterable, tmp_path, monkeypatch):
    ids, vectors = [f"i{item}" for item in range(30)], item_vectors(30)
    items = pd.DataFrame({"item_id": ids, "category": ["cup", "cup", "bowl"] * 10})
    items["image"] = list(vectors)
    made = EmbeddingRetriever(
        MeanOfHistory(ids, vectors), ids, vectors, k=5, item_embedder=OfImages()
    )
    if filterable:
        made.with_filters(items, filterable)
    path = export(made, tmp_path / "shop", items=items)
    with Versions(path).using("shop") as service:
        assert "image" in service.servable.definitions["embed_item"].inputs
        explode = pd.Series.explode

        def refusing(values, *arguments, **others):
            assert values.name != "image"
            return explode(values, *arguments, **others)

        monkeypatch.setattr(pd.Series, "explode", refusing)
        choices = Catalogue.of(service.servable).choices
    assert choices == {name: ["cup", "bowl"] for name in filterable}


def test_another_saved_model_has_no_page():
    class Empty:
        saved, definitions = object(), {}

    with pytest.raises(ValueError, match="This is another SavedModel, which the REST API serves"):
        Known(None, "").items(Empty(), "", 3)


def test_the_page_is_whole_and_asks_nobody_else(client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    text = page.text
    assert not [word for word in ("http://", "https://", "src=", "@import", "url(") if word in text]


@needs_chromium
def test_a_browser_picks_a_user_types_items_and_reads_lists(address, split, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    events = split.interactions.events
    had = set(events[events["user_id"] == "v03"]["item_id"])
    titles = [f"Thing [{n}]" for n in (*range(0, 30, 2), *range(1, 30, 2))]
    best = [title for title in titles if f"s{int(title[7:-1]):02d}" not in had]
    complaints, asked = [], set()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": 844})
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda line: complaints.append(line.text))
            page.on("request", lambda request: asked.add(request.url.split("/")[2]))
            page.goto(address)
            expect(page.locator("#facts")).to_contain_text("30 items · 12 users")
            page.locator("#user").press_sequentially("v03")
            page.locator("#user-found li", has_text="v03").click()
            expect(page.locator("#what")).to_have_text("For user v03")
            assert page.locator("#list .title").all_inner_texts() == best
            page.screenshot(path=tmp_path / f"user-{width}.png", full_page=True)

            page.locator("#by-items").click()
            page.locator("#clear").click()
            for item in ("thing [4]", "s06"):
                page.locator("#item").press_sequentially(item)
                page.keyboard.press("Enter")
                expect(page.locator("#item")).to_have_value("")
            expect(page.locator("#what")).to_have_text("For someone who had 2 items")
            assert page.locator("#had li span").all_inner_texts() == ["Thing [6]", "Thing [4]"]
            shown = page.locator("#list .title").all_inner_texts()
            assert shown == [one for one in titles if one not in ("Thing [4]", "Thing [6]")][:20]
            page.locator("#request summary").click()
            body = page.locator("#curl").inner_text().split("-d ")[1].strip("'")
            row = {"history": ["s04", "s06"], "exclude": ["s04", "s06"]}
            assert json.loads(body) == {"signature_name": "serving_default", "instances": [row]}
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, "the page is wider than the screen"
            page.close()
        browser.close()
    assert complaints == []
    assert asked == {address.split("/")[2]}
    assert all(pathlib.Path(tmp_path / f"user-{width}.png").stat().st_size for width in WIDTHS)


@needs_chromium
def test_a_browser_chooses_what_is_listed(split, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    ids = split.interactions.items["item_id"].to_numpy()
    vectors = item_vectors(len(ids))
    kinds = pd.DataFrame({"item_id": ids, "kind": ["cup", "plates, flat", "bowl"] * 10})
    made = EmbeddingRetriever(MeanOfHistory(ids, vectors), ids, vectors, k=20)
    path = export(made.with_filters(kinds, ["kind"]), tmp_path / "chosen", items=kinds).parent
    events = split.interactions.events
    had = events[events["user_id"] == "v03"]["item_id"]
    with (
        applied(path, split.interactions) as app,
        listening(app) as address,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        expect(page.locator("#facts")).to_contain_text("30 items · 12 users")
        page.locator("#user").press_sequentially("v03")
        page.locator("#user-found li", has_text="v03").click()
        expect(page.locator("#what")).to_have_text("For user v03")
        everything = kinds[~kinds["item_id"].isin(had)]
        expect(page.locator("#list .title")).to_have_count(len(everything))
        page.locator("#input-where_kind").fill("plates, flat, spoon")
        page.get_by_role("button", name="Recommend").click()
        plates = everything[everything["kind"] == "plates, flat"]["item_id"]
        assert 0 < len(plates) < len(everything)
        expect(page.locator("#list .title")).to_have_count(len(plates))
        assert set(page.locator("#list .title").all_inner_texts()) == set(plates)
        numbers = page.evaluate("parse('[0.30000000000000004, 12345678901234567, -1e22]')")
        assert numbers == [0.30000000000000004, "\u000112345678901234567", -1e22]

        page.locator("#user").fill("")  # a user is picked by keys alone, without a letter
        last = page.locator("#user-found li").nth(11)
        last.wait_for()
        page.keyboard.press("ArrowUp")
        expect(page.locator("#user")).to_have_attribute("aria-activedescendant", "user-found-11")
        user = last.locator("span").inner_text()
        page.keyboard.press("Enter")
        expect(page.locator("#what")).to_have_text(f"For user {user}")

        page.locator("#user").fill("somebody")  # whom no event knows
        page.keyboard.press("Enter")
        expect(page.locator("#what")).to_have_text("For user somebody")
        expect(page.locator("#had")).to_have_text("Nothing yet")
        page.locator("#user").fill("someone else")
        page.get_by_role("button", name="Recommend").click()
        expect(page.locator("#what")).to_have_text("For user someone else")
        page.locator("#by-items").click()
        page.locator("#item").fill("such a thing")
        page.keyboard.press("Enter")
        expect(page.locator("#error")).to_have_text("No item has such a thing in its id or title.")
        page.locator("#by-user").click()

        page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        page.locator("#request summary").click()
        page.locator("#copy").click()  # what cannot be copied is chosen
        assert page.evaluate("String(getSelection())") == page.locator("#curl").inner_text()
        page.route("**/page/users*", lambda route: route.abort())
        page.locator("#any-user").click()
        expect(page.locator("#error")).to_contain_text("The server does not answer")
        browser.close()
