"""A redis-server of a test's own, which it kills, starts again, stops and continues."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import BinaryIO

from .process import wait_for


class Redis:
    """On a free port of loopback; its data in `folder`, appended there if it is to keep them."""

    def __init__(self, folder: Path, password: str = "", keeps: bool = True) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.password = password
        self.keeps = keeps
        self.folder = folder
        self.url = f"redis://{':' + password + '@' if password else ''}127.0.0.1:{self.port}/1"
        self.popen: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", str(self.folder), "--appendonly", "yes" if self.keeps else "no"]
        if self.password:
            command += ["--requirepass", self.password]
        self.popen = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for("redis-server to answer", self._answers)

    def command(self, *words: str) -> bytes:
        """What it replies: the lines of an array, a string, or a simple reply as it came."""
        parts = [["AUTH", self.password]] if self.password else []
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            replies = connection.makefile("rb")
            for part in [*parts, ["SELECT", "1"], list(words)]:
                encoded = [b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in part]
                connection.sendall(b"*%d\r\n%s" % (len(encoded), b"".join(encoded)))
                reply = self._reply(replies)
        return reply

    def _reply(self, replies: BinaryIO) -> bytes:
        line = replies.readline()
        if line[:1] == b"*":
            return b"\n".join(self._reply(replies) for _ in range(int(line[1:])))
        if line[:1] == b"$":
            return replies.read(int(line[1:]) + 2)[:-2] if int(line[1:]) >= 0 else b""
        return line

    def leases(self, looker_url: str) -> str:
        """The key of all leases of a Looker."""
        return f"looker-mcp-server:{{{looker_url}}}:leases"

    def is_old(self, looker_url: str) -> None:
        """It did not come up empty a moment ago, after which nobody may borrow anything yet."""
        self.command("HSET", self.leases(looker_url), "born", "1")

    def _answers(self) -> bool:
        assert self.popen and self.popen.poll() is None, "redis-server ended at once"
        try:
            return self.command("PING").startswith(b"+PONG")
        except OSError:
            return False

    def signal(self, number: signal.Signals) -> None:
        assert self.popen
        os.kill(self.popen.pid, number)

    def kill(self) -> None:
        if self.popen and self.popen.poll() is None:
            self.popen.kill()
        if self.popen:
            self.popen.wait()
        self.popen = None
