"""Small MCP clients, one a transport, that judge every message which passes (schema.py).

They speak each protocol revision as its specification says, and can be told to send anything else
too: `send_raw` (stdio) and `post` (HTTP) take bytes as they are.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import queue
import ssl
import threading
from pathlib import Path
from typing import Any

from . import schema
from .process import PATIENCE_S, SERVER, Process, environment, wait_for
from .sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox

MODERN = schema.MODERN_REVISIONS[0]
LEGACY = schema.LEGACY_REVISIONS[-1]
CLIENT_INFO = {"name": "e2e", "version": "1"}


def header_value(text: str) -> str:
    """As a header may carry it (2026-07-28, Streamable HTTP, value encoding)."""
    if text.isascii() and text.isprintable() and text == text.strip() and not text.startswith("=?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def is_modern(revision: str) -> bool:
    return revision in schema.MODERN_REVISIONS


def settings_for(sandbox: Sandbox | str, **more: str) -> dict[str, str]:
    """The settings that a server needs to reach Looker. Names without the LOOKER_ prefix."""
    url = sandbox if isinstance(sandbox, str) else sandbox.url
    settings = {
        "BASE_URL": url,
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "GROUPS": "all",
        "LOG_LEVEL": "DEBUG",
        **more,
    }
    return {f"LOOKER_{name}": value for name, value in settings.items()}


class McpError(Exception):
    """A JSON-RPC error that the server answered."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data = error.get("data")


class Peer:
    """What both transports' clients share: how a revision writes its requests."""

    revision: str

    def envelope(
        self, method: str, params: dict[str, Any] | None, id_: int | str
    ) -> dict[str, Any]:
        params = dict(params or {})
        if is_modern(self.revision):
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": CLIENT_INFO,
                **params.get("_meta", {}),
            }
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": id_, "method": method}
        if params:
            message["params"] = params
        return message

    def request(self, method: str, params: dict[str, Any] | None = None, **options: Any) -> Any:
        raise NotImplementedError

    def initialize(self) -> dict[str, Any]:
        """The legacy handshake. The answer's revision must be the one asked for."""
        params = {
            "protocolVersion": self.revision,
            "capabilities": {},
            "clientInfo": CLIENT_INFO,
        }
        result = self.request("initialize", params)
        assert result["protocolVersion"] == self.revision
        return result

    def tools(self) -> list[dict[str, Any]]:
        result = self.request("tools/list")
        assert "nextCursor" not in result
        return result["tools"]

    def call(self, tool: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        """A tools/call, whatever its outcome: the CallToolResult."""
        result = self.request("tools/call", {"name": tool, "arguments": arguments or {}}, **options)
        check_tool_result(result)
        return result

    def answer(self, tool: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        """The answer object of a call that must succeed."""
        result = self.call(tool, arguments, **options)
        assert not result.get("isError"), answer_text(result)
        return json.loads(answer_text(result))

    def failure(self, tool: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        """The error object of a call that must fail: {"error": …, "status": …, …}."""
        result = self.call(tool, arguments, **options)
        assert result.get("isError") is True, answer_text(result)[:1000]
        return json.loads(answer_text(result))


def answer_text(result: dict[str, Any]) -> str:
    return "".join(item["text"] for item in result["content"] if item["type"] == "text")


def check_tool_result(result: dict[str, Any]) -> None:
    """The rules of the project that every tool's answer keeps, whatever the tool."""
    text = answer_text(result)
    answer = json.loads(text)
    assert isinstance(answer, dict), f"an answer is one JSON object: {text[:300]}"
    assert "\n" not in text, "answers are compact"
    if result.get("isError"):
        assert isinstance(answer.get("error"), str) and answer["error"], text[:300]
        assert "structuredContent" not in result
    elif "structuredContent" in result:
        assert result["structuredContent"] == answer


class StdioServer(Peer):
    """The server as a child process, spoken to line by line."""

    def __init__(
        self,
        folder: Path,
        settings: dict[str, str],
        *arguments: str,
        revision: str = LEGACY,
    ) -> None:
        self.revision = revision
        command = [str(SERVER), *arguments]
        self.process = Process(command, folder, environment(folder, settings), "the server")
        self.notifications: list[dict[str, Any]] = []
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._early: dict[Any, dict[str, Any]] = {}
        self._methods: dict[Any, str] = {}
        self._ids = itertools.count(1)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        pipe = self.process.popen.stdout
        assert pipe
        pending = b""
        while chunk := self._read_some(pipe):
            pending += chunk
            *lines, pending = pending.split(b"\n")
            for line in lines:
                self._lines.put(line)
        if pending:
            self._lines.put(pending)
        self._lines.put(None)

    @staticmethod
    def _read_some(pipe: Any) -> bytes:
        try:
            return os.read(pipe.fileno(), 1 << 20)
        except (OSError, ValueError):  # a test has closed it
            return b""

    def send_raw(self, data: bytes) -> None:
        pipe = self.process.popen.stdin
        assert pipe
        view = memoryview(data)
        while view:
            view = view[pipe.write(view) :]

    def send(self, message: Any) -> None:
        self.send_raw(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    def read_line(self, seconds: float = PATIENCE_S) -> bytes | None:
        """The next line of stdout as it is, None at its end."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            log = self.process.stderr.decode("utf-8", "replace")[-3000:]
            raise AssertionError(f"no line within {seconds} s; log: {log}") from None

    def read(self, method: str, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """The next response, which must be to a request for `method`; judged."""
        while True:
            line = self.read_line(seconds)
            log = self.process.stderr.decode("utf-8", "replace")[-3000:]
            assert line is not None, f"stdout ended; log: {log}"
            message = json.loads(line.decode("utf-8"))
            if isinstance(message, dict) and "method" in message:
                schema.check_notification(self.revision, message)
                self.notifications.append(message)
                continue
            if not isinstance(message, dict):
                raise schema.NotMcp(f"not a message: {line[:500]!r}")
            method = self._methods.pop(message.get("id"), method)
            schema.check_response(self.revision, method, message)
            return message

    def start(
        self, method: str, params: dict[str, Any] | None = None, id_: int | str | None = None
    ) -> int | str:
        """Sends a request and does not wait for its response."""
        id_ = next(self._ids) if id_ is None else id_
        message = self.envelope(method, params, id_)
        schema.check_request(self.revision, message)
        self._methods[id_] = method
        self.send(message)
        return id_

    def finish(self, id_: int | str, seconds: float = PATIENCE_S) -> Any:
        """The result of a request that was started; raises McpError."""
        while id_ not in self._early:
            message = self.read("", seconds)
            self._early[message.get("id")] = message
        message = self._early.pop(id_)
        if "error" in message:
            raise McpError(message["error"])
        return message["result"]

    def request(self, method: str, params: dict[str, Any] | None = None, **options: Any) -> Any:
        seconds = options.get("seconds", PATIENCE_S)
        return self.finish(self.start(method, params, options.get("id_")), seconds)

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})

    def handshake(self) -> "StdioServer":
        if not is_modern(self.revision):
            self.initialize()
            self.notify("notifications/initialized")
        return self

    def raw_exchange(self, data: bytes, method: str = "tools/call") -> dict[str, Any]:
        """Sends bytes, a line of them, and gives back the one response."""
        self.send_raw(data + b"\n")
        return self.read(method)

    def close(self, seconds: float = PATIENCE_S) -> None:
        """Ends it as a client does, by closing stdin, and looks at what it leaves behind."""
        if self.process.popen.stdin and not self.process.popen.stdin.closed:
            self.process.popen.stdin.close()
        status = self.process.wait(seconds)
        while (line := self.read_line(5)) is not None:
            message = json.loads(line)
            assert "jsonrpc" in message, f"stdout carries MCP and nothing else: {line!r}"
        self.process.assert_clean_end(status)
        self.process.log()


class HttpServer(Peer):
    """The server behind HTTP on loopback, and a client for it. Each thread has its connection."""

    def __init__(
        self,
        folder: Path,
        settings: dict[str, str],
        *arguments: str,
        revision: str = LEGACY,
    ) -> None:
        self.revision = revision
        self.headers: dict[str, str] = {}
        self.tls: ssl.SSLContext | None = None
        if "LOOKER_TLS_CERT_FILE" in settings:
            self.tls = ssl.create_default_context(cafile=settings["LOOKER_TLS_CERT_FILE"])
        settings = {"LOOKER_THREADS": "2", **settings}  # whatever the machine has
        command = [str(SERVER), "--transport", "streamable-http", "--port", "0", *arguments]
        self.process = Process(command, folder, environment(folder, settings), "the server")
        self._local = threading.local()
        self._ids = itertools.count(1)
        self.port = wait_for("the line that says the port", self._find_port)

    def _find_port(self) -> int | None:
        if not self.process.alive():
            log = self.process.stderr.decode("utf-8", "replace")
            raise AssertionError(f"the server ended: {log[-3000:]}")
        for entry in self.process.log():
            if isinstance(entry.get("port"), int):
                return entry["port"]
        return None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = self.new_connection()
        return self._local.connection

    def new_connection(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_S, context=self.tls
        )

    def exchange(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTP exchange: status, headers (names in lower case), body."""
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            data = response.read()
        except (http.client.HTTPException, OSError):
            connection.close()
            raise
        return response.status, {k.lower(): v for k, v in response.getheaders()}, data

    def request_headers(self, message: dict[str, Any]) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **self.headers,
        }
        if message["method"] != "initialize" or is_modern(self.revision):
            headers["MCP-Protocol-Version"] = self.revision
        if is_modern(self.revision):
            headers["Mcp-Method"] = message["method"]
            named = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
            if message["method"] in named:
                headers["Mcp-Name"] = header_value(message["params"][named[message["method"]]])
        return headers

    def post(
        self, body: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """A POST to /mcp of anything."""
        base = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        return self.exchange("POST", "/mcp", body, {**base, **self.headers, **(headers or {})})

    def rpc(
        self, message: dict[str, Any], headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Sends a message and judges its one response; HTTP status and message."""
        status, answered, data = self.exchange(
            "POST",
            "/mcp",
            json.dumps(message).encode(),
            {**self.request_headers(message), **(headers or {})},
        )
        kind = answered.get("content-type", "").split(";")[0]
        if kind == "text/event-stream":
            parsed = self._last_event(data)
        else:
            assert kind == "application/json", f"{status} {kind}: {data[:500]!r}"
            parsed = json.loads(data.decode("utf-8"))
        schema.check_response(self.revision, message["method"], parsed)
        return status, parsed

    def _last_event(self, data: bytes) -> dict[str, Any]:
        last: dict[str, Any] = {}
        for line in data.decode("utf-8").split("\n"):
            if line.startswith("data:"):
                last = json.loads(line[5:])
                if "method" in last:
                    schema.check_notification(self.revision, last)
        return last

    def request(self, method: str, params: dict[str, Any] | None = None, **options: Any) -> Any:
        message = self.envelope(method, params, options.get("id_") or next(self._ids))
        schema.check_request(self.revision, message)
        status, answered = self.rpc(message)
        assert answered.get("id") == message["id"]
        if "error" in answered:
            raise McpError(answered["error"])
        assert status == 200
        return answered["result"]

    def handshake(self) -> "HttpServer":
        if not is_modern(self.revision):
            self.initialize()
            body = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode()
            status, _, data = self.post(body, {"MCP-Protocol-Version": self.revision})
            assert (status, data) == (202, b"")
        return self

    def close(self, seconds: float = PATIENCE_S) -> None:
        """Ends it as a service manager does, by SIGTERM, and looks at what it leaves behind."""
        connection = getattr(self._local, "connection", None)
        if connection:
            connection.close()
        status = self.process.terminate(seconds)
        self.process.assert_clean_end(status)
        assert self.process.popen.stdout and self.process.popen.stdout.read() == b""
        self.process.log()
