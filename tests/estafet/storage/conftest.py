"""A bucket in an emulator of Cloud Storage, behind a proxy that counts what is asked and breaks what it is told to."""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from estafet.storage import session

BUCKET = "data"


@dataclass
class Fault:
    """What goes wrong with requests for an object's bytes, or (with `of` "list" or "get") for what is known of it.

    Attributes:
        of: "media", "list" or "get".
        name: The object; "" for every one.
        times: How often it happens.
        status: The answer's status, with `message`.
        cut_after: Bytes after which the connection ends, or stalls until `CloudStorage.go_on` is set.
        stalls: Whether it stalls rather than ends.
        flips: Whether the first byte is another one.
        then: Called before the connection ends.
    """

    of: str = "media"
    name: str = ""
    times: int = 10**9
    status: int = 0
    message: str = ""
    cut_after: int | None = None
    stalls: bool = False
    flips: bool = False
    then: Callable[[], None] = lambda: None


@dataclass
class Asked:
    """A request: what for, and for bytes which ones, and how many were given."""

    of: str
    name: str
    bytes_asked: str = ""
    num_bytes: int = 0


@dataclass
class CloudStorage:
    """The bucket, as the tests fill and break it."""

    emulator: str
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    page_size: int = 1000
    listed_too: list[str] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def put(self, name, content, *, encoding=None):
        """Store an object; a second time is another generation."""
        about = {"name": name, "contentType": "text/plain", **({"contentEncoding": encoding} if encoding else {})}
        parts = [("application/json", json.dumps(about).encode()), ("text/plain", content)]
        body = b"".join(
            b"--boundary\r\nContent-Type: %b\r\nContent-Transfer-Encoding: binary\r\n\r\n%b\r\n" % (kind.encode(), part)
            for kind, part in parts
        )
        url = f"{self.emulator}/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart"
        headers = {"Content-Type": "multipart/related; boundary=boundary"}
        urllib.request.urlopen(urllib.request.Request(url, body + b"--boundary--", headers)).read()

    def delete(self, name):
        """Remove an object."""
        url = f"{self.emulator}/storage/v1/b/{BUCKET}/o/{urllib.parse.quote(name, safe='')}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).read()

    def break_(self, of="media", **what):
        """Let something go wrong from now on; what was told first comes first."""
        self.faults.append(Fault(of, **what))

    def wait_until_kept(self, folder, num_bytes, num_kept):
        """Wait until a download has stalled, of whose `num_bytes` bytes at least `num_kept` are kept in `folder`."""
        assert self.stalled.wait(20)
        for _ in range(1000):
            parts = [path.read_bytes()[num_bytes:] for path in folder.glob("objects/*.part")]
            if parts and int.from_bytes(parts[0], "little") >= num_kept:
                return
            time.sleep(0.01)
        raise AssertionError("nothing came")

    def of(self, kind):
        """Return what was asked of one kind."""
        return [asked for asked in self.asked if asked.of == kind]

    def fault_of(self, kind, name):
        """Return what goes wrong with a request."""
        for fault in self.faults:
            if fault.of == kind and fault.name in ("", name) and fault.times:
                fault.times -= 1
                return fault
        return Fault()


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on; pages and generations, which the emulator does not know, it adds."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        storage = self.server.storage
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        kind = kind_of(url.path)
        name = urllib.parse.unquote(url.path.rpartition("/o/")[2]) if kind != "list" else query.get("prefix", "")
        asked = Asked(kind, name, self.headers.get("Range", "").removeprefix("bytes="))
        storage.asked.append(asked)
        fault = storage.fault_of(kind, name)
        if fault.status:
            return self._answer(fault.status, fault.message.encode())
        status, content, headers = self._pass_on(self.path)
        if kind == "list" and status == 200:
            content = self._page(json.loads(content), query)
        if kind == "media" and not self._is_current(query, name):
            return self._answer(404, b"No such object")
        if fault.flips:
            content = bytes([content[0] ^ 1]) + content[1:]
        self._answer(status, content, headers, asked, fault)

    def _pass_on(self, path):
        headers = {"Range": self.headers["Range"]} if "Range" in self.headers else {}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.server.storage.emulator + path, None, headers)
            ) as a:
                return a.status, a.read(), {"Content-Range": a.headers.get("Content-Range")}
        except urllib.error.HTTPError as error:
            return error.code, error.read(), {}

    def _is_current(self, query, name):
        if "generation" not in query:
            return True
        status, content, _ = self._pass_on(f"/storage/v1/b/{BUCKET}/o/{urllib.parse.quote(name, safe='')}")
        return status == 200 and json.loads(content)["generation"] == query["generation"]

    def _page(self, answer, query):
        storage = self.server.storage
        items = [*answer.get("items", []), *({"name": n, "size": "1", "generation": "1"} for n in storage.listed_too)]
        first = int(query.get("pageToken", 0))
        page = {"items": items[first : first + storage.page_size]}
        if first + storage.page_size < len(items):
            page["nextPageToken"] = str(first + storage.page_size)
        return json.dumps(page).encode()

    def _answer(self, status, content, headers=None, asked=None, fault=None):
        fault = fault or Fault()
        self.send_response(status)
        for key, value in (headers or {}).items():
            if value:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        given = content[: fault.cut_after]
        self.wfile.write(given)
        if asked is not None:
            asked.num_bytes = len(given)
        if fault.cut_after is not None:
            storage = self.server.storage
            storage.stalled.set()
            if fault.stalls:
                storage.go_on.wait(20)
            fault.then()
            self.close_connection = True

    def log_message(self, *values):
        """Say nothing."""


def kind_of(path):
    """Return what is asked for; the client asks for the bucket's own metadata by itself, in a thread of its own."""
    if path.endswith("/o"):
        return "list"
    if "/o/" not in path:
        return "bucket"
    return "media" if path.startswith("/download") else "get"


class ProxyServer(ThreadingHTTPServer):
    """Keeps quiet where a client goes away, which is what some tests are about."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        """Say nothing."""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="session")
def emulator():
    """The address of an emulator in a process of its own."""
    port = free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--default-bucket", BUCKET, "--in-memory", "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "gcp_storage_emulator", "start", *options])
    url = f"http://127.0.0.1:{port}"
    for _ in range(500):
        try:
            urllib.request.urlopen(url).read()
            break
        except OSError:
            assert process.poll() is None, "the emulator ended"
            time.sleep(0.02)
    yield url
    process.kill()
    process.wait()


@pytest.fixture
def impatient(monkeypatch):
    """What is not answered is not tried again for long."""
    monkeypatch.setattr(session, "RETRY_S", 0.3)


@pytest.fixture
def storage(emulator, monkeypatch):
    """An empty bucket `data`, which Estafet finds; what is not answered is tried again at once."""
    urllib.request.urlopen(f"{emulator}/wipe?keep-buckets=true").read()
    storage = CloudStorage(emulator)
    server = ProxyServer(("127.0.0.1", 0), Proxy)
    server.storage = storage
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(session, "FIRST_WAIT_S", 0.01)
    yield storage
    storage.go_on.set()
    server.shutdown()
    server.server_close()
