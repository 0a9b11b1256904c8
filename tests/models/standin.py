"""A stand-in for the Hugging Face hub on loopback: what huggingface_hub needs to download files.

Like the hub, it answers questions after a file with a redirection to another host, tells its
digest and size in headers of their own, and serves ranges.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_BLOCK = 4 * 2**20


@dataclass(frozen=True)
class Content:
    """A file that begins like GGUF and goes on with zeros: as large as one likes, at no cost."""

    size: int
    beginning: bytes = b"GGUF\x03\x00\x00\x00"
    file: Path | None = None
    """Where its bytes are instead."""

    @classmethod
    def of(cls, file: Path) -> "Content":
        """What a file has."""
        return cls(file.stat().st_size, file=file)

    @cached_property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for block in self.blocks(0, self.size):
            digest.update(block)
        return digest.hexdigest()

    def blocks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to before `end`."""
        if self.file:
            with self.file.open("rb") as file:
                file.seek(start)
                yield file.read(end - start)
            return
        zeros = bytes(_BLOCK)
        while start < end:
            block = self.beginning[start:end] or zeros[: end - start]
            yield block
            start += len(block)


@dataclass
class Hub:
    """What the stand-in has, what it does wrong, and what it was asked."""

    files: dict[str, dict[str, Content]] = field(default_factory=dict)
    """Repository → path → content."""
    commit: str | None = COMMIT
    """The only one that each of them has; None: any that is asked for."""
    token: str | None = None
    """Where set, their files are gated for everybody else. What they are is public."""
    refuse: tuple[int, Mapping[str, str]] | None = None
    """A status and headers that every question is answered with."""
    cut_after: int | None = None
    """Bytes after which the next download is cut off, once."""
    short: int = 0
    """Bytes that are missing at the end of what is downloaded, though it looks complete."""
    damage: bool = False
    """Whether a byte of what is downloaded is wrong."""
    hold: threading.Event | None = None
    """What downloads wait for in the middle."""
    asked: list[str] = field(default_factory=list)
    """Method and path of each question, with its range."""
    url: str = ""
    _heard: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, question: str) -> None:
        """Remember a question."""
        with self._heard:
            self.asked.append(question)
            self._heard.notify_all()

    def wait_for(self, beginning: str, count: int = 1) -> None:
        """Wait until so many questions have come that begin so."""

        def came() -> bool:
            return sum(line.startswith(beginning) for line in self.asked) >= count

        with self._heard:
            assert self._heard.wait_for(came, timeout=60), self.asked

    def downloads(self) -> list[str]:
        """The questions that were answered with content."""
        return [line for line in self.asked if line.startswith("GET /cdn/")]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve it, until the block ends. Its address is then in `hub.url`."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            if hub.hold:
                hub.hold.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        asked = [self.command, path, self.headers.get("range")]
        self.hub.hear(" ".join(filter(None, asked)))
        if found := re.fullmatch(r"/cdn/(.+?)//(.+)", path):
            self._send_content(self.hub.files[found[1]][found[2]])
        elif self.hub.refuse:
            self._send(*self.hub.refuse)
        elif self.hub.token and self.headers.get("authorization") != f"Bearer {self.hub.token}":
            self._send(
                403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."}
            )
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            self._tell(found[1], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._redirect(*found.groups())
        else:
            self._send(404, {})

    def _missing(self, repository: str, revision: str) -> bool:
        """Say so where there is no such repository or revision."""
        if repository not in self.hub.files:
            self._send(404, {"X-Error-Code": "RepoNotFound"})
        elif self.hub.commit and revision not in ("main", self.hub.commit):
            self._send(404, {"X-Error-Code": "RevisionNotFound"})
        else:
            return False
        return True

    def _tell(self, repository: str, revision: str) -> None:
        if self._missing(repository, revision):
            return
        siblings = [
            {
                "rfilename": name,
                "size": content.size,
                "blobId": content.sha256[:40],
                "lfs": {"sha256": content.sha256, "size": content.size, "pointerSize": 135},
            }
            for name, content in self.hub.files[repository].items()
        ]
        body: dict[str, Any] = {"_id": "1", "id": repository, "modelId": repository}
        body |= {
            "sha": self.hub.commit or revision,
            "private": False,
            "gated": "auto" if self.hub.token else False,
            "siblings": siblings,
        }
        self._send(200, {"content-type": "application/json"}, json.dumps(body).encode())

    def _redirect(self, repository: str, revision: str, name: str) -> None:
        if self._missing(repository, revision):
            return
        commit = self.hub.commit or revision
        content = self.hub.files[repository].get(name)
        token = self.headers.get("authorization")
        if self.hub.token and token != f"Bearer {self.hub.token}":
            self._send(403 if token else 401, {"X-Error-Code": "GatedRepo"})
        elif content is None:
            self._send(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        else:
            other_host = self.hub.url.replace("127.0.0.1", "localhost")
            headers = {
                "Location": f"{other_host}/cdn/{repository}//{name}",
                "X-Repo-Commit": commit,
                "X-Linked-Size": str(content.size),
                "X-Linked-ETag": f'"{content.sha256}"',
                "Accept-Ranges": "bytes",
                "Cache-Control": "no-store",
            }
            self._send(302, headers, b"Found. Redirecting")

    def _send_content(self, content: Content) -> None:
        assert "authorization" not in self.headers, "a token must not go to another host"
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        start = int(found[1]) if found else 0
        self.send_response(206 if found else 200)
        if found:
            self.send_header("content-range", f"bytes {start}-{content.size - 1}/{content.size}")
        self.send_header("content-length", str(content.size - start - self.hub.short))
        self.send_header("accept-ranges", "bytes")
        self.send_header("etag", f'"{content.size:064x}"')  # not the file's digest
        self.end_headers()
        end, self.hub.cut_after = self.hub.cut_after or content.size, None
        if self.hub.damage:
            content = Content(content.size, content.beginning + b"\x01")
        for block in content.blocks(start, min(end, content.size - self.hub.short)):
            self.wfile.write(block)
            if self.hub.hold:
                self.wfile.flush()
                self.hub.hold.wait(60)
        self.close_connection = end < content.size

    def _send(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
