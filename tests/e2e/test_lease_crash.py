"""Servers that are killed (SIGKILL) while they borrow a branch: at every system call by which a swap
gets on, and while Looker is about to obey. Whatever was reached, the next start puts the branch back.
"""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import re
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from harness.cell import BRANCHES, HOME, Cell
from harness.mcp import StdioServer, settings_for
from harness.process import PATIENCE_S, SERVER, Process, environment, wait_for
from harness.redis import Redis
from harness.sandbox import Sandbox

# What a swap consists of, seen from outside: documents that are written, synced, renamed and
# removed, and requests that are sent, to Redis as well.
STEPS = {
    "files": ["mkdir", "flock", "fsync", "renameat,renameat2", "unlinkat", "sendto"],
    "redis": ["sendto"],
}
AT_ONCE = 5  # most of the time is waiting


class Journal:
    """Where it is written down which cells are borrowed: files, or a Redis."""

    def __init__(self, folder: Path, looker_url: str, redis: Redis | None = None) -> None:
        self.folder, self.redis, self.looker_url = folder, redis, looker_url
        if redis:
            redis.is_old(looker_url)
            self.settings = {"LEASE_URL": redis.url, "LEASE_TTL": "1"}
        else:
            self.settings = {"STATE_DIR": str(folder)}

    def phases(self) -> list[str]:
        """Of the cells."""
        if self.redis:
            text = self.redis.command("HVALS", self.redis.leases(self.looker_url)).decode()
        else:
            text = "".join(self._read(path) for path in self.folder.glob("lease-*"))
        return re.findall(r'"phase":"(\w+)"', text)

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text()
        except FileNotFoundError:  # removed since it was listed
            return ""


def recover(folder: Path, settings: dict[str, str], journal: Journal) -> Process:
    """The next start: serves, and has put right what it found when this returns."""
    server = StdioServer(folder, settings).handshake()
    try:
        wait_for("the journal to be empty", lambda: not journal.phases())
        server.close()
    finally:
        server.process.discard()
    return server.process


class Victim:
    """A server that borrows a branch once, at a Looker of its own, and is killed meanwhile."""

    def __init__(self, folder: Path, redis: Redis | None = None) -> None:
        folder.mkdir()
        self.folder = folder
        self.looker = Sandbox(folder)
        self.cell = Cell(self.looker)
        self.journal = Journal(folder / "state", self.looker.url, redis)
        more = self.journal.settings
        self.settings = settings_for(self.looker, CORE_DUMPS="true", **more)

    def trace(self, *options: str) -> tuple[int, str]:
        """The exit status of a call under strace, and which system calls it made."""
        log = self.folder / "trace"
        call = [str(SERVER), "call", "query", json.dumps(self.cell.query(0))]
        settings = environment(self.folder, self.settings)
        settings["ASAN_OPTIONS"] = "detect_leaks=0"  # which cannot be done under strace
        result = subprocess.run(
            ["strace", "-f", "-qq", "-o", str(log), *options, *call],
            cwd=self.folder,
            env=settings,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert result.returncode in (0, -9), result.stderr.decode()
        return result.returncode, log.read_text()

    def end(self) -> None:
        self.looker.process.discard()


def count_steps(folder: Path, kind: str, redis: Redis | None) -> list[tuple[str, int]]:
    """All steps of an undisturbed call: the n-th call of each kind of system call."""
    victim = Victim(folder, redis)
    try:
        status, log = victim.trace("-e", f"trace={','.join(STEPS[kind])}")
        assert status == 0
        victim.cell.assert_well(1)
        assert not victim.journal.phases()
    finally:
        victim.end()
    if kind == "files":
        before = log[: log.index('"PUT ')]
        assert re.search(r"fsync.*renameat.*fsync", before, re.DOTALL), "first on disk, then made"
    return [
        (names, n)
        for names in STEPS[kind]
        for n in range(1, sum(log.count(f" {name}(") for name in names.split(",")) + 1)
    ]


@pytest.mark.parametrize("kind", ["files", "redis"])
def test_killed_at_every_step(kind: str, tmp_path: Path, redis: Callable[..., Redis]) -> None:
    store = redis() if kind == "redis" else None
    steps = count_steps(tmp_path / "count", kind, store)

    def kill_at(step: tuple[str, int]) -> set[str]:
        names, n = step
        victim = Victim(tmp_path / f"{names[:5]}-{n}", store)
        try:
            status, _ = victim.trace("-e", f"inject={names}:signal=KILL:when={n}")
            assert status == -9, f"{names} {n} did not kill it"
            reached = {f"{victim.cell.branch()} {phase}" for phase in victim.journal.phases()}
            try:
                recover(victim.folder, victim.settings, victim.journal)
            except AssertionError as error:
                raise AssertionError(f"killed at {names} {n}, with {reached}: {error}") from None
            assert victim.cell.branch() == HOME, f"after {names} {n}"
            victim.cell.assert_well()
        finally:
            victim.end()
        return reached

    assert len(steps) > 20, steps
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        reached = set().union(*pool.map(kill_at, steps))
    assert reached >= {
        f"{HOME} moving",
        f"{BRANCHES[0]} moving",
        f"{BRANCHES[0]} there",
        f"{BRANCHES[0]} returning",
        f"{HOME} returning",
    }


class Held:
    """A Looker that gets some requests late: one that checks a branch out waits until it is let
    go, and is obeyed then, whether or not anybody still waits for the answer."""

    def __init__(self, looker: Sandbox) -> None:
        held = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:  # nobody waits
                    self.close_connection = True

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.command == "GET" and "/git_branch" in self.path:
                    held.looks += 1
                if self.command == "PUT" and "/git_branch" in self.path:
                    held.arrives(json.loads(body)["name"])
                upstream = http.client.HTTPConnection("127.0.0.1", looker.port, timeout=PATIENCE_S)
                upstream.request(self.command, self.path, body, dict(self.headers))
                answer = upstream.getresponse()
                data = answer.read()
                upstream.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

        self.looks = 0
        self.hold: str | None = None  # the branch whose check-out is held, once
        self.holds = threading.Event()
        self.let_go = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def arrives(self, branch: str) -> None:
        if branch != self.hold:
            return
        self.hold = None
        self.holds.set()
        self.let_go.wait(PATIENCE_S)

    def close(self) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


def kill_while_looker_obeys(folder: Path, branch: str, late: bool) -> None:
    """While Looker has the request to check out that branch and has not obeyed; it does so before
    the next start, or (late) after that has had a look."""
    victim = Victim(folder)
    held = Held(victim.looker)
    settings = {**victim.settings, "LOOKER_BASE_URL": held.url}
    try:
        held.hold = branch
        command = [str(SERVER), "call", "query", json.dumps(victim.cell.query(0))]
        process = Process(command, folder, environment(folder, settings), "the server")
        try:
            assert held.holds.wait(PATIENCE_S)
        finally:
            process.discard()  # SIGKILL
        assert victim.journal.phases(), "a swap is written down before it is made"
        checkouts, looks = len(victim.cell.checkouts()), held.looks

        def let_go_after_a_look() -> None:
            wait_for("a look", lambda: held.looks > looks)
            held.let_go.set()

        if late:
            threading.Thread(target=let_go_after_a_look, daemon=True).start()
        else:
            held.let_go.set()
            wait_for("Looker to obey", lambda: len(victim.cell.checkouts()) > checkouts)
        recover(folder, settings, victim.journal)
        assert victim.cell.branch() == HOME
    finally:
        held.close()
        victim.end()


def test_killed_while_looker_obeys(tmp_path: Path) -> None:
    cases = [(branch, late) for branch in (BRANCHES[0], HOME) for late in (False, True)]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        runs = {
            case: pool.submit(kill_while_looker_obeys, tmp_path / f"{case[0]}-{case[1]}", *case)
            for case in cases
        }
    for case, run in runs.items():
        assert run.exception() is None, f"{case}: {run.exception()}"


def test_somebody_else_moved_the_branch(looker: Sandbox, tmp_path: Path) -> None:
    cell = Cell(looker)
    journal = Journal(tmp_path / "state", looker.url)
    settings = settings_for(looker, **journal.settings)
    looker.rules({"operation": "create_query_task", "delay_ms": 30000})
    command = [str(SERVER), "call", "query", json.dumps(cell.query(0))]
    process = Process(command, tmp_path, environment(tmp_path, settings), "the server")
    try:
        wait_for("its query", lambda: bool(looker.requests("create_query_task")))
    finally:
        process.discard()
    cell.set(BRANCHES[3])
    log = recover(tmp_path, settings, journal).log()
    (moved,) = (entry for entry in log if entry["event"] == "lease.moved_by_others")
    assert (moved["found"], moved["home"], moved["branch"]) == (BRANCHES[3], HOME, BRANCHES[0])
    assert cell.branch() == BRANCHES[3], "what others did is left alone"
