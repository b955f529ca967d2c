"""Ten thousand calls in flight at once, each of which Looker takes a second for.

Every call comes on a connection of its own where the limit on open files allows it (each takes two of
the server's: one to the client, one to Looker). Where it does not, some connections carry two calls, as
a batch. One thread, one epoll and no library, so that the client costs little.
"""

from __future__ import annotations

import json
import re
import resource
import select
import socket
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALLS = 10_000
UPSTREAM_MS = 1000
PATIENCE_S = 60.0
OTHER_FILES = 200  # of the server
GOOD = b'"isError":false'
MESSAGE = {
    "jsonrpc": "2.0",
    "method": "tools/call",
    "params": {"name": "whoami", "arguments": {}},
}


@dataclass
class Outcome:
    connections: int
    answered: int
    in_flight: int  # the most that the server said it had
    seconds: float  # from the first byte sent to the last answer
    peak_mb: float  # of the server's memory, RSS


def request(first_id: int, calls: int) -> bytes:
    messages = [{**MESSAGE, "id": first_id + n} for n in range(calls)]
    body = json.dumps(messages if calls > 1 else messages[0]).encode()
    return (
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"MCP-Protocol-Version: 2025-03-26\r\nContent-Length: %d\r\n\r\n" % len(body)
    ) + body


def is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(found and length) and len(body) >= int(length.group(1) if length else 0)


class Crowd:
    """So many connections, open and idle."""

    def __init__(self, port: int, count: int) -> None:
        self.connections: dict[int, socket.socket] = {}
        self.poll = select.epoll()
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
            connection.setblocking(False)
            self.connections[connection.fileno()] = connection
            self.poll.register(connection, select.EPOLLIN)

    def call(self, calls: int) -> tuple[int, float]:
        """Sends them all at once; how many were answered well, and within which time."""
        doubled = calls - len(self.connections)
        seen = dict.fromkeys(self.connections, b"")
        began = time.monotonic()
        for n, connection in enumerate(self.connections.values()):
            connection.sendall(request(2 * n, 2 if n < doubled else 1))
        waiting = set(seen)
        while waiting and time.monotonic() - began < PATIENCE_S:
            for fd, _ in self.poll.poll(1.0, 4096):
                chunk = self.connections[fd].recv(65536)
                seen[fd] += chunk
                if not chunk:
                    self.poll.unregister(fd)
                if not chunk or is_whole(seen[fd]):
                    waiting.discard(fd)
        took = time.monotonic() - began
        return sum(answer.count(GOOD) for answer in seen.values()), took

    def close(self) -> None:
        self.poll.close()
        for connection in self.connections.values():
            connection.close()


class Watch(threading.Thread):
    """Asks the server now and then how many calls it has."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.url = f"http://127.0.0.1:{port}/metrics"
        self.most = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            try:
                text = urllib.request.urlopen(self.url, timeout=PATIENCE_S).read().decode()
            except OSError:
                continue
            found = re.search(r"^looker_mcp_calls_in_flight (\d+)", text, re.M)
            self.most = max(self.most, int(found.group(1)) if found else 0)


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def measure(bench: Any) -> Outcome:
    print(f"==> {CALLS:,} calls at once", file=sys.stderr)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bench.start(
        "slow-sandbox", str(bench.sandbox), "--port", "0", "--no-record", "--threads", "2",
        "--client-id", "bench", "--client-secret", "bench",
    )  # fmt: skip
    upstream = bench.wait_for("slow-sandbox", r'(http://[^\s/"]+)')
    rule = json.dumps([{"operation": "me", "delay_ms": UPSTREAM_MS}]).encode()
    urllib.request.urlopen(urllib.request.Request(f"{upstream}/_sandbox/rules", rule), timeout=10)
    server, url = bench.start_server(
        "many", "--base-url", upstream, "--max-concurrency", str(CALLS),
        # An eighth of the places is for other callers.
        "--max-in-flight", str(CALLS * 8 // 7 + 8), "--request-timeout", "120",
    )  # fmt: skip
    port = int(url.rsplit(":", 1)[1])
    connections = min(CALLS, hard - CALLS - OTHER_FILES)
    crowd, watch = Crowd(port, connections), Watch(port)
    watch.start()
    answered, took = crowd.call(CALLS)
    watch.over.set()
    watch.join()
    peak = peak_mb(server.pid)
    crowd.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Outcome(connections, answered, watch.most, took, peak)
