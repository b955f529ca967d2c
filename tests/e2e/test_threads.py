"""Several threads behind one port: who gets a connection, what they share, how they start and end.

A thread logs in at Looker when it has its first call, so the logins tell how many threads had one.
"""

from __future__ import annotations

import concurrent.futures
import json
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from harness.mcp import settings_for
from harness.process import PATIENCE_S, SERVER, environment, wait_for
from harness.sandbox import Sandbox

WHOAMI = {"name": "whoami", "arguments": {}}


class Caller:
    """A connection of its own, which stays open."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.connection = server.new_connection()

    def call(self) -> dict[str, Any]:
        message = self.server.envelope("tools/call", WHOAMI, 1)
        headers = self.server.request_headers(message)
        self.connection.request("POST", "/mcp", json.dumps(message), headers)
        return json.loads(self.connection.getresponse().read())["result"]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_connections_are_spread_evenly(http: Any, looker: Sandbox, threads: int) -> None:
    server = http(THREADS=str(threads))
    server.connection().close()  # the handshake's
    wait_for_no_connection(server)
    callers = [Caller(server) for _ in range(threads)]
    for n, caller in enumerate(callers, 1):
        assert not caller.call()["isError"]
        assert looker.state()["logins"] == n, "each goes to a thread that has none yet"
    for caller in [Caller(server) for _ in range(threads)]:
        assert not caller.call()["isError"]
    assert looker.state()["logins"] == threads


def wait_for_no_connection(server: Any) -> None:
    """The server has seen that its client has gone."""
    time.sleep(0.2)


def test_calls_on_all_threads_are_finished_at_the_end(http: Any, looker: Sandbox) -> None:
    server = http(THREADS="3")
    callers = [Caller(server) for _ in range(6)]
    for caller in callers:
        caller.call()
    looker.rules({"operation": "me", "delay_ms": 1000})
    before = len(looker.requests("me"))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        running = [pool.submit(caller.call) for caller in callers]
        wait_for("the calls", lambda: len(looker.requests("me")) == before + 6 or None)
        server.process.popen.send_signal(signal.SIGTERM)
        assert all(not r.result()["isError"] for r in running)
    server.process.assert_clean_end(server.process.wait())
    state = looker.state()
    assert state["logins"] == state["logouts"] == 3 and state["live_tokens"] == 0


def test_calls_on_all_threads_are_cancelled_when_asked_twice(http: Any, looker: Sandbox) -> None:
    server = http(THREADS="3")
    callers = [Caller(server) for _ in range(6)]
    for caller in callers:
        caller.call()
    looker.rules({"operation": "me", "delay_ms": 60_000})
    before = len(looker.requests("me"))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        running = [pool.submit(caller.call) for caller in callers]
        wait_for("the calls", lambda: len(looker.requests("me")) == before + 6 or None)
        began = time.monotonic()
        server.process.popen.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        server.process.popen.send_signal(signal.SIGTERM)
        assert all("shutting down" in str(r.result()) for r in running)
    server.process.assert_clean_end(server.process.wait())
    assert time.monotonic() - began < 4.5, "the grace time of the first one is 5 s"
    looker.obey()


def refused_start(looker: Sandbox, folder: Path, limit: Any, **more: str) -> str:
    """What it prints; nothing but that line, and nothing is left running."""
    settings = settings_for(looker, TRANSPORT="streamable-http", PORT="0", LOG_LEVEL="ERROR", **more)
    result = subprocess.run(
        [str(SERVER)],
        cwd=folder,
        env=environment(folder, settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        preexec_fn=limit,
    )
    assert result.returncode == 1 and result.stdout == "", result.stderr
    lines = [line for line in result.stderr.splitlines() if "makecontext" not in line]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_a_worker_that_cannot_be_had(looker: Sandbox, tmp_path: Path) -> None:
    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    line = refused_start(looker, tmp_path, few_files, THREADS="64")
    assert line.startswith("looker-mcp-server: cannot ") and "Too many open files" in line


def test_a_thread_that_cannot_be_had(looker: Sandbox, tmp_path: Path) -> None:
    def huge_stacks() -> None:
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 46, resource.RLIM_INFINITY))

    line = refused_start(looker, tmp_path, huge_stacks, THREADS="4")
    assert "cannot start thread 2 of 4 (LOOKER_THREADS)" in line
