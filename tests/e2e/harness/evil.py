"""A Looker that answers whatever a test wants, and shows what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

TOKEN = "token-4d1f9a77"
Answer = Callable[[str, bytes], bytes]


def reply(body: Any, status: str = "200 OK", headers: str = "") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


class EvilLooker:
    """Answers a login with `login`, and everything else with what `answer` makes of the request."""

    def __init__(self) -> None:
        self.login: Any = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}
        self.login_answer: Answer | None = None
        self.answer: Answer = lambda head, body: reply([])
        self.logins = 0
        self.heads: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        pending = b""
        with connection:
            try:
                while True:
                    while b"\r\n\r\n" not in pending:
                        chunk = connection.recv(65536)
                        if not chunk:
                            return
                        pending += chunk
                    raw, pending = pending.split(b"\r\n\r\n", 1)
                    head = raw.decode("latin-1")
                    length = 0
                    for line in head.split("\r\n"):
                        if line.lower().startswith("content-length:"):
                            length = int(line.split(":")[1])
                    while len(pending) < length:
                        pending += connection.recv(65536)
                    body, pending = pending[:length], pending[length:]
                    connection.sendall(self._judge(head, body))
            except OSError:
                return

    def _judge(self, head: str, body: bytes) -> bytes:
        self.heads.append(head)
        if head.startswith("POST ") and "/login" in head.split("\r\n")[0]:
            self.logins += 1
            return self.login_answer(head, body) if self.login_answer else reply(self.login)
        if head.startswith("DELETE "):
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        return self.answer(head, body)

    def close(self) -> None:
        self._listener.close()
