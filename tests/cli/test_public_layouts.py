"""Public data sets as they are published, each read by one command: ten lines of every one."""

import pathlib

import pytest
import typer

from tfrec_recall.cli.application import app, main
from tfrec_recall.cli.arguments import options

SECOND = 1_433_221_332


def lines(header, make, end="\n"):
    return end.join([*header, *(make(place // 5, place % 5) for place in range(10)), ""])


AMAZON = (
    '{{"reviewerID": "A{0}", "asin": "000{1}", "overall": {1}.0, "helpful": [0, 1], '
    '"reviewText": "good, \\"very\\"", "unixReviewTime": 136339500{1}}}'
)
INSTACART = "order_id,product_id,user_id,order_number"
LASTFM = 'user_00000{0}\t2009-05-04T23:08:5{1}Z\tf1b1cf71\tDeep "Dish"\t{1}\t"Heroes (Mix)'
LASTFM_GAP = "user_000000\t2009-05-04T23:08:57Z\tf1b1cf71\tDeep Dish\t\tFuck Me Im Famous\n"
# name: files, the command's arguments, and the second event as it has to come out
LAYOUTS = {
    "Retailrocket": (
        {
            "events.csv": lines(
                ["timestamp,visitorid,event,itemid,transactionid"],
                lambda u, i: f"{SECOND + i}07{u},{u},view,{i},",
            )
        },
        "--data events.csv --rename visitorid=user_id --rename itemid=item_id "
        "--rename event=event_type --time-unit ms",
        {"user_id": 0, "item_id": 1, "timestamp": SECOND + 1 + 0.07, "event_type": "view"},
    ),
    "H&M": (
        {
            "transactions_train.csv": lines(
                ["t_dat,customer_id,article_id,price,sales_channel_id"],
                lambda u, i: f"2018-09-2{i},00{u}d,066371300{i},0.0508,2",
            ),
            "articles.csv": lines(
                ["article_id,product_code,prod_name"],
                lambda u, i: f"066371{3 + u}00{i},0663713,Strap {i}",
            ),
        },
        "--data transactions_train.csv --items articles.csv --rename t_dat=timestamp "
        "--rename customer_id=user_id --rename article_id=item_id",
        {"user_id": "000d", "item_id": "0663713001", "timestamp": 1_537_488_000},
    ),
    "Taobao UserBehavior": (
        {
            "UserBehavior.csv": lines(
                [], lambda u, i: f"{u + 1},{2268318 + i},2520377,pv,{1511544070 + i}"
            )
            + "3,2268318,2520377,pv,-2134949234\n"
        },
        "--data UserBehavior.csv --no-header user_id,item_id,category,event_type,timestamp "
        "--drop-bad-rows",
        {"user_id": 1, "item_id": 2268319, "timestamp": 1511544071, "event_type": "pv"},
    ),
    "MovieLens .dat": (
        {
            "ratings.dat": lines([], lambda u, i: f"{u + 1}::{1193 + i}::5::{978300760 + i}"),
            "movies.dat": lines(
                [], lambda u, i: f'{1193 + i + 5 * u}::"Great: {i}" (1995)::Drama|War'
            ),
        },
        "--data ratings.dat --items movies.dat --no-header user_id,item_id,rating,timestamp "
        "--no-header items=item_id,title,genres --encoding latin-1",
        {"user_id": 1, "item_id": 1194, "rating": 5, "timestamp": 978300761},
    ),
    "Amazon JSON lines": (
        {"reviews_Books_5.json": lines([], AMAZON.format)},
        "--data reviews_Books_5.json --rename reviewerID=user_id --rename asin=item_id "
        "--rename overall=rating --rename unixReviewTime=timestamp",
        {"user_id": "A0", "item_id": "0001", "rating": 1.0, "timestamp": 1363395001},
    ),
    "Last.fm": (
        {"plays.tsv": LASTFM_GAP + lines([], LASTFM.format)},
        "--data plays.tsv --no-header user_id,timestamp,artist_id,artist,item_id,track --no-quotes "
        "--drop-bad-rows",
        {"user_id": "user_000000", "item_id": 1, "timestamp": 1241478531},
    ),
    "Book-Crossing": (
        {
            "BX-Book-Ratings.csv": lines(
                ['"User-ID";"ISBN";"Book-Rating"'],
                lambda u, i: f'"27672{u}";"03451{i}É";"{i}"',
                "\r\n",
            )
        },
        "--data BX-Book-Ratings.csv --separator ; --encoding latin-1 --rename User-ID=user_id "
        "--rename ISBN=item_id --rename Book-Rating=rating",
        {"user_id": 276720, "item_id": "034511É", "rating": 1},
    ),
    "Instacart": (
        {"orders.csv": lines([INSTACART], lambda u, i: f"{9 * u + i},{i},{u},{i + 1}")},
        "--data orders.csv --rename product_id=item_id --rename order_number=timestamp "
        "--rename order_id=session_id --time-unit order",
        {"user_id": 0, "item_id": 1, "timestamp": 2, "session_id": 1},
    ),
}


@pytest.fixture(params=LAYOUTS)
def layout(request, tmp_path, monkeypatch):
    files, arguments, second = LAYOUTS[request.param]
    for name, content in files.items():
        encoding = "latin-1" if "latin-1" in arguments else "utf-8"
        (tmp_path / name).write_bytes(content.encode(encoding))
    monkeypatch.chdir(tmp_path)
    return arguments.split(), second


def test_the_events_are_read_as_they_are_meant(layout):
    arguments, second = layout
    command = typer.main.get_command(app).commands["train"]
    given = command.make_context("train", ["popular", *arguments]).params
    described = {name: given[name] for name in options.DATA}
    events = options.source(**described).load().events
    assert len(events) == 10
    assert {name: events[name].iloc[1] for name in second} == second


def test_the_command_trains_on_them(layout):
    arguments, _ = layout
    figures = pathlib.Path("figures.json")
    split = "random" if "ISBN=item_id" in arguments else "last:1"
    with pytest.raises(SystemExit) as raised:
        main(["train", "popular", *arguments, "--split", split, "--json", str(figures)])
    assert raised.value.code == 0
    assert figures.exists()


def test_the_guide_has_these_commands():
    page = pathlib.Path(__file__).parents[2] / "docs" / "guides" / "reading_data.md"
    text = " ".join(page.read_text(encoding="utf-8").replace("\\\n", " ").split())
    for name, (_, arguments, _) in LAYOUTS.items():
        assert arguments.replace("--separator ;", "--separator ';'") in text, name
