"""What is taken for a time, and what a column that is none looks like."""

import datetime

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.columns.time_formats import guess
from tfrec_recall.data.columns.times import moment, of_text, seconds

NOW = 1_600_000_000  # 2020-09-13T12:26:40Z


def times(values):
    return pd.DataFrame({"timestamp": values})


@pytest.mark.parametrize(
    ("values", "arguments", "expected"),
    [
        ([NOW * 1000 + 250, NOW * 1000], {"unit": "ms"}, [NOW + 0.25, NOW]),
        ([NOW * 10**6], {"unit": "us"}, [NOW]),
        ([NOW * 10**9], {"unit": "ns"}, [NOW]),
        ([18_518, 18_519], {"unit": "days"}, [NOW - 44_800, NOW + 41_600]),
        ([44_087.5185185185], {"unit": "spreadsheet"}, [NOW]),
        ([20_200_913], {"format": "%Y%m%d"}, [NOW - 44_800]),
        ([20_200_913.0, 20_200_914.0], {"format": "%Y%m%d"}, [NOW - 44_800, NOW + 41_600]),
        ([2020], {"format": "%Y"}, [1_577_836_800]),
        (["13/09/2020 12:26"], {"format": "%d/%m/%Y %H:%M"}, [NOW - 40]),
        ([9_132_020], {"format": "%m%d%Y"}, [NOW - 44_800]),
        ([1_112_020], {"format": "%d%m%Y"}, [1_604_188_800]),  # November: a zero is lost
        (["20200913 12:26"], {"format": "%Y%m%d %H:%M"}, [NOW - 40]),
        (["20200913122640.5"], {"format": "%Y%m%d%H%M%S.%f"}, [NOW + 0.5]),
        ([3, 1, 2], {"unit": "order"}, [3, 1, 2]),
        ([2020], {"unit": "order"}, [2020]),
    ],
)
def test_units_and_formats_become_seconds(values, arguments, expected):
    found, _ = seconds(times(values), **arguments)
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("values", "looks"),
    [
        ([2019, 2020], r"years.*--time-format %Y\)"),
        ([202_009, 202_101], r"yyyymm.*--time-format %Y%m\)"),
        ([20_200_913, 20_201_231], r"yyyymmdd.*--time-format %Y%m%d\)"),
        ([13_092_020, 1_122_020], r"ddmmyyyy.*--time-format %d%m%Y\)"),
        ([9_132_020, 12_312_020], r"mmddyyyy.*--time-format %m%d%Y\)"),
        ([202_009_131_226], r"yyyymmddHHMM.*%H%M\)"),
        ([20_200_913_122_640], r"yyyymmddHHMMSS.*%S\)"),
        ([NOW * 10**3], r"milliseconds.*--time-unit ms\)"),
        ([NOW * 10**6], r"microseconds.*--time-unit us\)"),
        ([NOW * 10**9], r"nanoseconds.*--time-unit ns\)"),
        ([44_087.5, 44_088.0], r"days of a spreadsheet.*--time-unit spreadsheet\)"),
        ([18_518, 18_519], r"days since 1970.*--time-unit days\)"),
    ],
)
def test_numbers_that_are_no_seconds_are_refused_with_what_they_look_like(values, looks):
    for unit in (None, "s"):
        with pytest.raises(ValueError, match=rf"'timestamp' has times outside 1980.*look.*{looks}"):
            seconds(times(values), unit=unit)
    frame = times(values).assign(user_id="a", item_id="x")
    with pytest.raises(ValueError, match=looks):
        Interactions(frame)


HOURS = [2_020_091_312, 2_020_123_100, 2_021_010_123]
MINUTES = [2_009_131_226, 2_012_312_359, 2_101_010_000]


@pytest.mark.parametrize(
    ("values", "form"), [(HOURS, "yyyymmddHH.*%Y%m%d%H"), (MINUTES, "yymmddHHMM.*%y%m%d%H%M")]
)
def test_dates_that_would_be_seconds_of_a_time_to_come_are_refused(values, form, tmp_path):
    frame = times(values).assign(user_id="a", item_id="x")
    message = rf"'timestamp' has dates written as {form}\) reads.*--time-unit s\).*row 0"
    with pytest.raises(ValueError, match=message):
        Interactions(frame)
    frame.to_csv(tmp_path / "events.csv", index=False)
    with pytest.raises(ValueError, match=message):
        Interactions.from_csv(tmp_path)
    taken = Interactions.from_csv(tmp_path, time_unit="s")
    assert sorted(taken.events["timestamp"]) == sorted(values)
    assert sorted(taken.with_events(taken.events).events["timestamp"]) == sorted(values)
    read = Interactions.from_csv(tmp_path, time_format=form.split(".*")[1]).events["timestamp"]
    assert pd.to_datetime(read, unit="s").dt.year.isin([2020, 2021]).all()


def test_seconds_of_today_and_of_a_simulated_day_to_come_are_seconds():
    """One that reads as a date among many that do not, or an event of the past, says enough."""
    for values in ([*HOURS, NOW], [2_020_091_312 + 40 * n for n in range(60)]):
        data = Interactions(times(values).assign(user_id="a", item_id="x"))
        assert data.time_unit == "s"


def test_numbers_of_order_are_taken_from_frames_and_asked_for_of_files(tmp_path):
    frame = pd.DataFrame({"user_id": "a", "item_id": list("xyz"), "timestamp": [3, 1, 2]})
    data = Interactions(frame)
    assert (data.time_unit, data.events["timestamp"].tolist()) == ("order", [3, 1, 2])
    frame.to_csv(tmp_path / "events.csv", index=False)
    with pytest.raises(ValueError, match=r"no date.*time_unit='order' \(--time-unit order\)"):
        Interactions.from_csv(tmp_path)
    data = Interactions.from_csv(tmp_path, time_unit="order")
    assert (data.time_unit, data.events["timestamp"].tolist()) == ("order", [3, 1, 2])
    assert data.with_events(data.events.head(2)).time_unit == "order"


@pytest.mark.parametrize("values", [[NOW, NOW + 9, 16], [NOW, NOW, NOW * 10], [NOW, NOW, 0]])
def test_a_row_that_is_off_is_named(values):
    with pytest.raises(ValueError, match=r"in 1 of 3 rows\. .*cut short.*row 2: "):
        Interactions(times(values).assign(user_id="a", item_id="x"))


def test_dates_of_1970_are_numbers_that_were_misread():
    with pytest.raises(ValueError, match=r"read as dates, in 1 of 1 rows.*with their unit"):
        Interactions(times(pd.to_datetime([NOW])).assign(user_id="a", item_id="x"))
    historic = times(pd.to_datetime(["1901-01-02"]))
    assert seconds(historic, unit="order")[0].tolist() == [-2_177_366_400]


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        ([20_200_913, 20_201_399], {"format": "%Y%m%d"}, r"does not read in 1 of 2 rows.*row 1"),
        (["20200913", "2020111"], {"format": "%Y%m%d"}, r"does not read in 1 of 2.*row 1"),
        (["20200913", "202011"], {"format": "%Y%m%d"}, r"does not read in 1 of 2.*row 1"),
        (["07/12/2010", "07/13/2010"], {}, r"--time-format '%m/%d/%Y'"),
        (["07.12.10", "27.12.10"], {}, r"--time-format '%d.%m.%y'"),
        (["soon"], {}, r"has type str.*time_format"),
        (["13/09/2020"], {}, r"--time-format '%d/%m/%Y'"),
        ([NOW], {"unit": "minutes"}, r"time_unit is s, ms.*Received: 'minutes'"),
        ([NOW], {"unit": "ms"}, r"read as milliseconds.*another one"),
        (pd.to_datetime(["2020-09-13"]), {"format": "%Y"}, r"holds times already"),
    ],
)
def test_what_cannot_be_read_is_said(values, arguments, message):
    with pytest.raises(ValueError, match=message):
        seconds(times(values), **arguments)


@pytest.mark.parametrize(
    "value",
    [NOW, float(NOW), "2020-09-13T12:26:40", datetime.datetime(2020, 9, 13, 12, 26, 40)],
)
def test_a_moment_is_a_time_too(value):
    assert moment(value, "test_from") == NOW


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (NOW * 1000, r"test_from is a time from 1980.*milliseconds.*Received: 1600000000000"),
        (2020, r"years"),
        ("soon", r"Received: 'soon'"),
        (None, r"Received: None"),
        (np.nan, r"Received: nan"),
    ],
)
def test_no_moment_is_refused(value, message):
    with pytest.raises(ValueError, match=message):
        moment(value, "test_from")
    with pytest.raises(ValueError, match=r"as the times of this data are"):
        moment("2020-09-13", "test_from", order=True)


def test_text_before_year_1_is_no_time():
    for text in ("-0044-03-15", "0000-00-00"):
        assert of_text(pd.Series([text])).tolist() == [text]
    assert of_text(pd.Series(["0001-01-01"])).dt.year.tolist() == [1]


def test_a_unit_without_numbers_to_count_is_refused():
    events = pd.DataFrame({"user_id": [1], "item_id": [2]})
    with pytest.raises(ValueError, match=r"time_unit='ms' is of.*'timestamp', and there is none"):
        Interactions(events, time_unit="ms")
    dated = events.assign(timestamp=pd.to_datetime(["2020-09-13"]))
    with pytest.raises(ValueError, match=r"holds dates, so time_unit is of no use.*'ms'"):
        Interactions(dated, time_unit="ms")
    assert Interactions(dated, time_unit="order").time_unit == "order"


@pytest.mark.parametrize(
    ("written", "format"),
    [
        ("Nov 10, 2011 12:59 PM", "%b %d, %Y %I:%M %p"),
        ("10 November 2011, 12:59:30", "%d %B %Y, %H:%M:%S"),
        ("31.12.2011 23:59", "%d.%m.%Y %H:%M"),
        ("12/31/11 23:59:08", "%m/%d/%y %H:%M:%S"),
    ],
)
def test_a_day_and_a_clock_are_guessed_in_any_of_their_forms(written, format):
    assert guess(pd.Series([written])).startswith(f"={format!r} (--time-format {format!r})")


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "Int16"])
def test_numbers_of_order_may_be_small_ones(dtype):
    found, unit = seconds(times(pd.array([3, 1, 2], dtype)))
    assert (found.tolist(), unit) == ([3, 1, 2], "order")


def test_numbers_beyond_int64_are_refused_and_not_turned_around():
    with pytest.raises(ValueError, match=r"integers beyond int64 in 1 of 2 rows"):
        seconds(times(np.array([2**63 - 1, 2**63], "uint64")), unit="order")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (["2020-03-01T10:00:00+01:00", "2020-07-01T10:00:00+02:00"], [1583053200, 1593590400]),
        (["2020-09-13 12:26:40", "2020-09-13T12:26:40.500Z"], [NOW, NOW + 0.5]),
        (pd.Categorical(["2020-09-13", "2020-09-14"]), [1599955200, 1600041600]),
    ],
)
def test_text_of_iso_8601_is_read_of_frames_too(text, read):
    assert seconds(times(text))[0].tolist() == read
    with pytest.raises(ValueError, match="holds dates, so time_unit is of no use"):
        seconds(times(text), unit="ms")


def test_the_way_from_periods_is_said():
    with pytest.raises(ValueError, match=r"of periods, \.dt\.to_timestamp\(\)"):
        seconds(times(pd.period_range("2020-01", periods=3, freq="M")))


def test_numbers_in_the_text_of_a_frame_are_said_to_be_such():
    with pytest.raises(ValueError, match=r"numbers in text: use pd.to_numeric\(events"):
        seconds(times([str(NOW), str(NOW + 1)]))


def test_a_date_that_stands_for_none_is_named():
    dates = [np.datetime64(NOW, "s")] * 3 + [np.datetime64("9999-12-31", "s")]
    with pytest.raises(ValueError, match=r"in 1 of 4 rows\. .*a date that stands for none"):
        seconds(times(np.array(dates)))


@pytest.mark.parametrize("zone", ["", "Z", "+00:00", " UTC"])
def test_fractions_may_follow_a_comma_as_iso_8601_has_them(zone):
    text = pd.Series([f"2020-09-13T12:26:40,25{zone}", f"2020-09-13 12:26:40,250{zone}"])
    assert seconds(of_text(text).to_frame("timestamp"))[0].tolist() == [NOW + 0.25] * 2
    with pytest.raises(ValueError, match="dates as in ISO 8601, in 1 of 3 rows"):
        seconds(times([*text, "later"]))


def test_what_ctime_writes_is_guessed_and_read():
    written = times(["Sun Sep 13 12:26:40 2020", "Thu Sep  3 00:00:00 2020"])
    form = "%a %b %d %H:%M:%S %Y"
    assert guess(written["timestamp"]).startswith(f"={form!r} (--time-format")
    assert seconds(written, format=form)[0].tolist() == [NOW, 1_599_091_200]
