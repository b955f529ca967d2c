"""Processes of the project under test: where the binaries are, a clean environment, and an end that
is always looked at (exit status, sanitizer reports, what was logged)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable, TypeVar

ROOT = Path(__file__).parents[3]
BUILD = Path(os.environ.get("LK_BUILD_DIR", ROOT / "build")).resolve()
SERVER = BUILD / "looker-mcp-server"
SANDBOX = BUILD / "looker-sandbox"
SANITIZED = BUILD.name.endswith("asan")

# An unhurried machine answers in milliseconds; a sanitized build on a busy one does not.
PATIENCE_S = 30.0

# What a sanitized build says of itself when its first coroutine starts; it has the fibre hooks that
# make up for it.
MAKECONTEXT = "WARNING: ASan doesn't fully support makecontext/swapcontext"

T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = PATIENCE_S) -> T:
    """What `probe` answers, once it is neither None nor False."""
    until = time.monotonic() + seconds
    while True:
        found = probe()
        if found is not None and found is not False:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)


def environment(home: Path, settings: dict[str, str] | None = None) -> dict[str, str]:
    """Nothing of the machine's own environment reaches the server but PATH."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
        "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99",
        **(settings or {}),
    }


class Process:
    """A started program. stderr is collected; stdout is the caller's (a pipe)."""

    def __init__(self, command: list[str], cwd: Path, env: dict[str, str], name: str) -> None:
        self.name = name
        self.popen = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self.stderr = b""
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def _collect(self) -> None:
        assert self.popen.stderr
        while chunk := self.popen.stderr.read(65536):
            self.stderr += chunk

    @property
    def pid(self) -> int:
        return self.popen.pid

    def alive(self) -> bool:
        return self.popen.poll() is None

    def log(self) -> list[dict[str, Any]]:
        """The log so far. Every line of it must be a JSON object."""
        lines = self.stderr.decode("utf-8").split("\n")[:-1]
        return [_log_line(line) for line in lines if MAKECONTEXT not in line]

    def open_files(self) -> int:
        """Of a server with CORE_DUMPS=true; others hide them from all but root."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def peak_kib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def wait(self, seconds: float = PATIENCE_S) -> int:
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.name} did not end within {seconds} s") from None
        self._reader.join(5)
        return status

    def terminate(self, seconds: float = PATIENCE_S) -> int:
        if self.alive():
            self.popen.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def discard(self) -> None:
        """Ends it without looking; for tear-downs after a failure."""
        if self.alive():
            self.popen.kill()
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream:
                stream.close()

    def assert_clean_end(self, status: int) -> None:
        text = self.stderr.decode("utf-8", "replace")
        assert status == 0, f"{self.name} ended with status {status}:\n{text[-6000:]}"
        assert "Sanitizer" not in text and "runtime error" not in text, text[-6000:]


def _log_line(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        raise AssertionError(f"a line on stderr that is not JSON: {line[:500]}") from None
    assert isinstance(entry, dict), line
    return entry


def run(
    args: list[str],
    cwd: Path,
    settings: dict[str, str] | None = None,
    stdin: bytes = b"",
    seconds: float = PATIENCE_S,
) -> subprocess.CompletedProcess[str]:
    """Runs the server's command line to its end; a sanitizer report fails the test."""
    result = subprocess.run(
        [str(SERVER), *args],
        cwd=cwd,
        env=environment(cwd, settings),
        input=stdin,
        capture_output=True,
        timeout=seconds,
    )
    decoded = subprocess.CompletedProcess(
        result.args, result.returncode, result.stdout.decode("utf-8"), result.stderr.decode("utf-8")
    )
    assert decoded.returncode != 99 and "Sanitizer" not in decoded.stderr, decoded.stderr[-6000:]
    assert "runtime error" not in decoded.stderr, decoded.stderr[-6000:]
    return decoded
