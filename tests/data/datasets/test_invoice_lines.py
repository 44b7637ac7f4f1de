"""The raw file of Online Retail is read alike in all its forms, and a damaged one is refused."""

import zipfile

import pandas as pd
import pytest

from tfrec_recall.data.datasets import invoice_lines, online_retail

UCI = (
    *("InvoiceNo", "StockCode", "Description", "Quantity"),
    *("InvoiceDate", "UnitPrice", "CustomerID", "Country"),
)
ROWS = [
    ("536365", "85123A", "WHITE HEART T-LIGHT", 6, "2010-12-01 08:26:00", 2.55, 17850, "France"),
    ("536365", "71053", "LANTERN", 8, "2010-12-01 08:26:00", 3.39, 17850, "France"),
    ("536370", "22728", None, 24, "2010-12-13 18:45:00", 3.75, None, "EIRE"),
    ("C536379", "D", "DISCOUNT £", -1, "2010-12-01 09:41:00", 27.5, 14527, "United Kingdom"),
]


@pytest.fixture
def raw():
    frame = pd.DataFrame(ROWS, columns=UCI)  # CustomerID is float, as beside missing values
    return frame.assign(InvoiceDate=pd.to_datetime(frame["InvoiceDate"]))


@pytest.fixture
def expected():
    frame = pd.DataFrame(ROWS, columns=list(invoice_lines.COLUMNS))
    return frame.assign(
        user_id=["17850", "17850", None, "14527"],
        timestamp=pd.to_datetime(frame["timestamp"]).astype("datetime64[s]"),
    ).astype({"user_id": "str", "description": "str"})


def assert_read(path, expected):
    pd.testing.assert_frame_equal(invoice_lines.read(path), expected, check_dtype=False)


def test_parquet_with_our_names_or_uci_names(raw, expected, tmp_path):
    expected.to_parquet(tmp_path / "transactions.parquet")
    assert_read(tmp_path / "transactions.parquet", expected)
    raw.to_parquet(tmp_path / "uci.parquet")
    assert_read(tmp_path / "uci.parquet", expected)


def test_parquet_in_an_archive(raw, expected, tmp_path):
    path = tmp_path / "online+retail.zip"
    raw.set_index("InvoiceNo").to_parquet(tmp_path / "lines.parquet")
    whole = (tmp_path / "lines.parquet").read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lines.parquet", whole)
    assert_read(path, expected)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lines.parquet", whole[:-20])
    with pytest.raises(ValueError, match=r"zip/lines\.parquet is no whole Parquet file"):
        invoice_lines.read(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("date_format", ["%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M"])
def test_csv(raw, expected, tmp_path, encoding, date_format):
    raw.to_csv(tmp_path / "data.csv", index=False, encoding=encoding, date_format=date_format)
    assert_read(tmp_path / "data.csv", expected)


def test_excel(raw, expected, tmp_path):
    pytest.importorskip("openpyxl")
    numbers = raw.assign(StockCode=["85123A", 71053, 22728, "D"])  # as in the published file
    numbers.to_excel(tmp_path / "Online Retail.xlsx", index=False)
    assert_read(tmp_path / "Online Retail.xlsx", expected)


def test_excel_without_its_reader_says_what_to_install(tmp_path, monkeypatch):
    def missing(*arguments, **options):
        raise ImportError("No module named 'openpyxl'")

    (tmp_path / "Online Retail.xlsx").write_bytes(b"")
    monkeypatch.setattr(pd, "read_excel", missing)
    with pytest.raises(
        ImportError, match=r"xlsx is an Excel file, .*pip install openpyxl, or save"
    ):
        invoice_lines.read(tmp_path / "Online Retail.xlsx")


def test_damaged_excel_is_named(tmp_path):
    pytest.importorskip("openpyxl")
    (tmp_path / "Online Retail.xlsx").write_bytes(b"<html>404</html>")
    with pytest.raises(ValueError, match=r"Online Retail\.xlsx cannot be read as Excel"):
        invoice_lines.read(tmp_path / "Online Retail.xlsx")


def test_uci_archive_and_folder(raw, expected, tmp_path):
    raw.to_csv(tmp_path / "Online Retail.csv", index=False)
    with zipfile.ZipFile(tmp_path / "online+retail.zip", "w") as archive:
        archive.write(tmp_path / "Online Retail.csv", "Online Retail.csv")
    assert_read(tmp_path / "online+retail.zip", expected)
    (tmp_path / "online+retail.zip").unlink()
    assert_read(tmp_path, expected)
    raw.to_csv(tmp_path / "second.csv", index=False)
    with pytest.raises(ValueError, match=r"one file .* is expected. Received: \['Online Ret"):
        invoice_lines.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Quantity": ["six", 8, 24, -1]}, r"'quantity' has values that .*1 of 4 rows.*row 0"),
        ({"Quantity": [6, 8.5, 24, -1]}, r"'quantity' has values that are no whole numbers"),
        ({"UnitPrice": [2.5, None, 3.75, 27.5]}, r"'price' has values that are no numbers"),
        ({"UnitPrice": [2.5, "inf", 3.75, 27.5]}, r"'price' has values .*1 of 4 rows.*row 1"),
        ({"InvoiceDate": ["2010-12-01"] * 3 + ["yesterday"]}, r"'timestamp' .*no times.*row 3"),
        ({"InvoiceNo": ["536365", None, "536370", "C1"]}, r"'invoice' has missing values"),
        ({"StockCode": ["85123A", "71053", "", "D"]}, r"'item_id' has missing values.*row 2"),
    ],
)
def test_bad_values_are_named_with_their_rows(raw, tmp_path, change, message):
    raw.assign(**change).to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(ValueError, match=rf"data\.csv: column {message}"):
        invoice_lines.read(tmp_path / "data.csv")


def test_other_files_are_refused(raw, tmp_path):
    raw.drop(columns="CustomerID").to_csv(tmp_path / "data.csv", index=False)
    with pytest.raises(ValueError, match=r"columns \['customerid'\] are missing"):
        invoice_lines.read(tmp_path / "data.csv")
    (tmp_path / "data.csv").write_text("")
    with pytest.raises(ValueError, match=r"data\.csv cannot be read as CSV"):
        invoice_lines.read(tmp_path / "data.csv")
    (tmp_path / "data.txt").write_text("InvoiceNo")
    with pytest.raises(ValueError, match=r"data\.txt is no whole \.zip archive"):
        invoice_lines.read(tmp_path / "data.txt")


def test_a_truncated_parquet_file_is_named(expected, tmp_path):
    path = tmp_path / "transactions.parquet"
    expected.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"transactions\.parquet is no whole Parquet file"):
        online_retail.load(path)
