"""Downloads are what was expected and whole, or not there: against a server on this machine."""

import hashlib
import http.server
import threading

import pytest

from tfrec_recall.data.datasets.download import fetch, published_md5

CONTENT = bytes(range(256)) * 9000  # more than one block
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = hashlib.md5(CONTENT).hexdigest()
FILES = {
    "/a.zip": CONTENT,
    "/gnu.zip.md5": f"{MD5}  a.zip\n".encode(),
    "/bsd.zip.md5": f"MD5 (a.zip) = {MD5.upper()}\n".encode(),
    "/page.zip.md5": b"<html>moved</html>",
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        cut = self.path.startswith("/cut")
        content = CONTENT if cut else FILES.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:1000] if cut else content)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    """The address of a server of FILES, on the loopback only."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    "digest", [SHA256, f"md5:{MD5}", f"md5:{MD5.upper()}"], ids=["sha256", "md5", "capitals"]
)
def test_what_was_expected_is_kept(server, tmp_path, digest):
    seen = []
    fetch(f"{server}/a.zip", tmp_path / "a.zip", digest, lambda *done: seen.append(done))
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) > 1
    assert seen == sorted(seen)


def test_a_file_url_works_as_well(tmp_path):
    (tmp_path / "source").write_bytes(CONTENT)
    fetch((tmp_path / "source").as_uri(), tmp_path / "copy", SHA256)
    assert (tmp_path / "copy").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("address", "digest", "error", "message"),
    [
        ("/a.zip", f"md5:{0:032}", ValueError, "Expected md5 000.*Received: .*2,304,000 bytes"),
        ("/cut.zip", SHA256, OSError, "connection ended after 1,000 of 2,304,000 bytes|failed"),
        ("/missing.zip", SHA256, OSError, "the server answered 404"),
    ],
    ids=["another file", "a broken connection", "no file"],
)
def test_anything_else_is_an_error_and_leaves_the_old_file(
    server, tmp_path, address, digest, error, message
):
    (tmp_path / "a.zip").write_bytes(b"old")
    with pytest.raises(error, match=message):
        fetch(f"{server}{address}", tmp_path / "a.zip", digest)
    assert (tmp_path / "a.zip").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_server_that_does_not_end_is_cut_off(server, tmp_path):
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        fetch(f"{server}/a.zip", tmp_path / "a.zip", SHA256, limit=1000)
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9/a\.zip cannot be reached"):
        fetch("http://127.0.0.1:9/a.zip", tmp_path / "a.zip", SHA256)


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="by http, https or file"):
        fetch("ftp://127.0.0.1/a.zip", tmp_path / "a.zip", SHA256)


@pytest.mark.parametrize("form", ["gnu", "bsd"])
def test_both_forms_of_published_digests_are_read(server, form):
    assert published_md5(f"{server}/{form}.zip") == f"md5:{MD5}"


def test_a_page_in_place_of_a_digest_is_refused(server):
    with pytest.raises(ValueError, match="has to hold one MD5 digest"):
        published_md5(f"{server}/page.zip")
