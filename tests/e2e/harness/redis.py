"""A redis-server of a test's own, which it kills, starts again, stops and continues."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

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
        """The reply as it came; of simple ones only, since one read has to do."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            parts = [["AUTH", self.password]] if self.password else []
            for part in [*parts, ["SELECT", "1"], list(words)]:
                encoded = [word.encode() for word in part]
                message = b"*%d\r\n" % len(encoded)
                connection.sendall(message + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded))
                reply = connection.recv(65536)
        return reply

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
