"""Downloads against a real server on this machine: resumed, verified, whole or not at all."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils.zoo import DownloadError, download_file

BODY = bytes(range(256)) * 4000  # about 1 MB
SHA = hashlib.sha256(BODY).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `body`, breaks off after `break_after` bytes of an answer, and notes what was asked for."""

    body = BODY
    tag = '"v1"'
    status = 200
    ranges = True  # whether parts may be asked for
    break_after: int | None = None
    breaks = 10**6  # how many answers are broken off before it behaves

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/weights.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        span = self.headers.get("Range")
        server.asked.append(span)
        if server.status != 200:
            self.send_error(server.status)
            return
        first = 0
        if span and server.ranges and self.headers.get("If-Range") == server.tag:
            first = int(span.removeprefix("bytes=").rstrip("-"))
            if first >= len(server.body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(server.body) - 1}/{len(server.body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(server.body) - first))
        self.send_header("ETag", server.tag)
        self.end_headers()
        part = server.body[first:]
        if server.break_after is not None and server.breaks > 0:
            server.breaks -= 1
            part = part[: server.break_after]
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_arrives_with_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    target = tmp_path / "new" / "folder" / "w.bin"
    assert download_file(server.url, target, SHA, len(BODY), lambda done, total: seen.append((done, total))) == SHA
    assert target.read_bytes() == BODY
    assert names(target.parent) == ["w.bin"]
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_a_broken_connection_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.break_after, server.breaks = 400_000, 2
    download_file(server.url, tmp_path / "w.bin", SHA)
    assert (tmp_path / "w.bin").read_bytes() == BODY
    assert server.asked == [None, "bytes=400000-", "bytes=800000-"]


def test_the_next_call_resumes(server: Server, tmp_path: Path) -> None:
    server.break_after = 300_000
    with pytest.raises(DownloadError, match=r"ended after 300000 of 1024000 bytes; 0\.3 MB are kept"):
        download_file(server.url, tmp_path / "w.bin", SHA, attempts=1)
    assert names(tmp_path) == ["w.bin.part", "w.bin.part.json"]
    server.break_after = None
    download_file(server.url, tmp_path / "w.bin", SHA)
    assert server.asked[-1] == "bytes=300000-"
    assert (tmp_path / "w.bin").read_bytes() == BODY
    assert names(tmp_path) == ["w.bin"]


def test_a_part_of_another_version_is_not_continued(server: Server, tmp_path: Path) -> None:
    server.break_after = 300_000
    with pytest.raises(DownloadError):
        download_file(server.url, tmp_path / "w.bin", attempts=1)
    server.break_after, server.body, server.tag = None, BODY[::-1], '"v2"'
    download_file(server.url, tmp_path / "w.bin")
    assert (tmp_path / "w.bin").read_bytes() == BODY[::-1]


def test_a_part_of_another_address_is_not_continued(server: Server, tmp_path: Path) -> None:
    (tmp_path / "w.bin.part").write_bytes(b"other")
    (tmp_path / "w.bin.part.json").write_text(json.dumps({"url": "https://elsewhere.example/", "version": '"v1"'}))
    download_file(server.url, tmp_path / "w.bin", SHA)
    assert server.asked == [None]


@pytest.mark.parametrize("note", ["", "[]", "{}", "not json"])
def test_a_part_of_unknown_origin_is_not_continued(server: Server, tmp_path: Path, note: str) -> None:
    (tmp_path / "w.bin.part").write_bytes(b"other" * 999_999)
    (tmp_path / "w.bin.part.json").write_text(note)
    download_file(server.url, tmp_path / "w.bin", SHA)
    assert (tmp_path / "w.bin").read_bytes() == BODY


def test_a_server_without_ranges_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.break_after, server.breaks = False, 300_000, 1
    download_file(server.url, tmp_path / "w.bin", SHA)
    assert (tmp_path / "w.bin").read_bytes() == BODY


def test_a_part_that_was_already_whole(server: Server, tmp_path: Path) -> None:
    (tmp_path / "w.bin.part").write_bytes(BODY)
    (tmp_path / "w.bin.part.json").write_text(json.dumps({"url": server.url, "version": '"v1"'}))
    download_file(server.url, tmp_path / "w.bin", SHA)
    assert names(tmp_path) == ["w.bin"]


def test_a_part_longer_than_the_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "w.bin.part").write_bytes(BODY + b"more")
    (tmp_path / "w.bin.part.json").write_text(json.dumps({"url": server.url, "version": '"v1"'}))
    download_file(server.url, tmp_path / "w.bin", SHA)
    assert (tmp_path / "w.bin").read_bytes() == BODY


def test_one_wrong_byte_is_found_and_removed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"the old file")
    server.body = BODY[:-1] + b"x"
    with pytest.raises(DownloadError, match=f"SHA-256 {SHA} wanted, SHA-256 .* seen.*It was removed"):
        download_file(server.url, tmp_path / "w.bin", SHA)
    assert names(tmp_path) == ["w.bin"]
    assert (tmp_path / "w.bin").read_bytes() == b"the old file"


def test_another_length_is_refused_before_it_is_fetched(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="offers 1024000 bytes, 7 were expected"):
        download_file(server.url, tmp_path / "w.bin", size=7)
    assert not (tmp_path / "w.bin").exists()


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (503, 3)])
def test_refusals_are_reported(server: Server, tmp_path: Path, status: int, asked: int) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=f"weights.bin answered {status}"):
        download_file(server.url, tmp_path / "w.bin")
    assert len(server.asked) == asked  # a fault of the server may pass, a wrong address will not
    assert names(tmp_path) == []


def test_nobody_answers(tmp_path: Path) -> None:
    with Server() as gone:
        url = gone.url
    with pytest.raises(DownloadError, match="refused"):
        download_file(url, tmp_path / "w.bin")
    assert names(tmp_path) == []


def test_other_schemes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    with pytest.raises(DownloadError, match="not a web address"):
        download_file((tmp_path / "secret").as_uri(), tmp_path / "w.bin")


def test_a_full_disk_is_reported_and_the_part_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.break_after = 300_000
    with pytest.raises(DownloadError):
        download_file(server.url, tmp_path / "w.bin", attempts=1)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match=r"no room in .*1 MB are needed, 0 MB are free.*COURSE_CACHE"):
        download_file(server.url, tmp_path / "w.bin")
    assert (tmp_path / "w.bin.part").stat().st_size == 300_000


def test_an_interrupted_download_keeps_its_part(server: Server, tmp_path: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_file(server.url, tmp_path / "w.bin", progress=interrupt)
    assert not (tmp_path / "w.bin").exists()
    download_file(server.url, tmp_path / "w.bin", SHA)
    assert server.asked[1] is not None


def test_two_processes_do_not_write_one_part(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="this system cannot lock files")
    messages: list[str] = []

    def again(done: int, total: int | None) -> None:
        if not messages:
            try:
                download_file(server.url, tmp_path / "w.bin")
            except DownloadError as error:
                messages.append(str(error))

    download_file(server.url, tmp_path / "w.bin", SHA, progress=again)
    assert "another process is fetching" in messages[0]
    assert (tmp_path / "w.bin").read_bytes() == BODY
