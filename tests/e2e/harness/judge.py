"""An independent judge between the server and Looker: Stoplight Prism, which knows nothing but an
OpenAPI document, and refuses every request that does not conform to it.

    server ── Judge ──> Prism      its verdict; what it refuses goes no further
                   └──> sandbox    the answer, so that tools get on as they do with Looker

Without a sandbox the answers are Prism's own inventions.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .process import ROOT, wait_for

PRISM = ROOT / "tests" / "prism" / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
# What Prism calls its own errors; an answer that Looker's document declares is never one.
_PROBLEM = "https://stoplight.io/prism/errors"
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Prism:
    """Prism on a port of its own; what it says goes to a file."""

    def __init__(self, folder: Path, document: dict[str, Any]) -> None:
        path = folder / "openapi.json"
        path.write_text(json.dumps(document))
        self.port = free_port()
        self.log = (folder / "prism.log").open("w+b")
        command = ["node", str(PRISM), "mock", "--errors", "-v", "warn", "-p", str(self.port), str(path)]
        self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for("Prism", self._listens, 60)

    def _listens(self) -> bool:
        if self.popen.poll() is not None:
            self.log.seek(0)
            raise AssertionError(f"Prism ended: {self.log.read()[-3000:]!r}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self) -> None:
        self.popen.terminate()
        self.popen.wait(30)
        self.log.close()


@dataclass
class Verdict:
    """What Prism said of one request."""

    method: str
    path: str  # with the query
    body: bytes
    status: int
    violations: str  # empty: none

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.body[:600]!r}: {self.violations}"


Answer = tuple[int, list[tuple[str, str]], bytes]


class _Connection:
    """To one upstream; made anew when it was closed meanwhile."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.open: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        for last in (False, True):
            if self.open is None:
                self.open = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self.open.request(method, path, body or None, headers)
                response = self.open.getresponse()
                return response.status, response.getheaders(), response.read()
            except (ConnectionError, http.client.HTTPException):
                self.open.close()
                self.open = None
                if last:
                    raise
        raise AssertionError("not reached")


class Judge:
    """The proxy. `verdicts` grows with every request; a test looks at those since it began."""

    def __init__(self, prism: Prism, looker_port: int | None) -> None:
        self.verdicts: list[Verdict] = []
        judge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one piece, or each answer waits for an acknowledgement
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                self.prism = _Connection(prism.port)
                self.looker = _Connection(looker_port) if looker_port else None

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
                answer = self.prism.ask(self.command, self.path, headers, body)
                violations = _violations(answer)
                judge.verdicts.append(Verdict(self.command, self.path, body, answer[0], violations))
                if self.looker and not violations:
                    answer = self.looker.ask(self.command, self.path, headers, body)
                self.answer(*answer)

            def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Servers under test go away, and the sandbox cuts connections when it is told to."""


def _violations(answer: Answer) -> str:
    status, headers, body = answer
    said = dict((k.lower(), v) for k, v in headers)
    if status >= 400 or _PROBLEM.encode() in body[:200]:
        return body.decode("utf-8", "replace")[:2000] or f"status {status}"
    return said.get("sl-violations", "")
