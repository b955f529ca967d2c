#!/usr/bin/env python3
"""Runs the official MCP conformance suite against this project's servers.

    tests/conformance/run.py [BUILD-FOLDER]     default: build, with everything built

Two servers are put to the test, each on a port of its own on loopback:

    mcp-fixture         the MCP core and the HTTP transport with what the suite asks for;
                        every scenario of three revisions
    looker-mcp-server   the product itself, the sandbox behind it; the scenarios that need no tool
                        of the suite's own

expected-failures.*.yml say what may fail, check by check, and why. The suite reads the same files
with --expected-failures, but in them holds a server only to the scenarios that a revision scores.
Here every scenario counts: a check that fails (or warns) and is not listed is a failure, and so is a
listed one that no longer fails. The last line is "N passed, N failed"; the exit status is 0 if none
failed. Needs Python's standard library and npm; what the suite needs (Node.js 22, too new for
Debian 12) comes from package-lock.json.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODULES = HERE / "node_modules"
SUITE = MODULES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"

INSTALL_SECONDS = 600
SUITE_SECONDS = 180
START_SECONDS = 10
STOP_SECONDS = 10

# What the suite can ask of any server, whatever its tools, resources and prompts.
WITHOUT_TOOLS = frozenset({
    "server-initialize", "server-session-lifecycle", "ping", "tools-list", "server-stateless",
    "caching", "dns-rebinding-protection", "http-header-validation", "logging-set-level",
    "resources-list", "prompts-list", "sep-2164-resource-not-found",
    "input-required-result-unsupported-methods",
})


class Stop(Exception):
    """Nothing can be run; says why."""


@dataclass(frozen=True)
class Run:
    """One run of the suite; only: the scenarios that count, or None for all."""

    server: str
    revision: str
    expected: str
    only: frozenset[str] | None = None

    @property
    def selection(self) -> list[str]:
        if self.revision == "2025-06-18":  # the suite has no requirement set for it
            return ["--suite", "all", "--spec-version", self.revision]
        return ["--requirements", self.revision]


RUNS = (
    Run("mcp-fixture", "2025-06-18", "expected-failures.legacy.yml"),
    Run("mcp-fixture", "2025-11-25", "expected-failures.legacy.yml"),
    Run("mcp-fixture", "2026-07-28", "expected-failures.modern.yml"),
    Run("looker-mcp-server", "2025-06-18", "expected-failures.server.yml", WITHOUT_TOOLS),
    Run("looker-mcp-server", "2025-11-25", "expected-failures.server.yml", WITHOUT_TOOLS),
    Run("looker-mcp-server", "2026-07-28", "expected-failures.server.yml", WITHOUT_TOOLS),
)


@dataclass
class Verdict:
    scenarios: set[str] = field(default_factory=set)
    passed: int = 0
    expected: int = 0
    failed: list[str] = field(default_factory=list)


# ---- Node.js and the suite ----

def install() -> Path:
    """Installs what the lock file names, once; answers the path of node."""
    lock, stamp = HERE / "package-lock.json", MODULES / ".installed"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        npm = shutil.which("npm")
        if npm is None:
            raise Stop("npm is missing; tools/setup.sh installs it")
        print("installing the conformance suite and Node.js 22 (npm)", flush=True)
        # Node.js for another processor is left out by npm; no package runs a script.
        done = subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE,
                              timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Stop(f"npm ci failed (is the npm registry reachable?)\n{done.stdout[-3000:]}")
        stamp.touch()
    nodes = sorted(MODULES.glob("node-linux-*/bin/node"))
    if not nodes:
        raise Stop("package.json has no Node.js for this processor; add its node-linux-… package")
    return nodes[0]


# ---- servers ----

class Server:
    """A process that says on its output where it listens; ended by its id."""

    def __init__(self, command: list[str], pattern: str, log: Path, folder: Path,
                 settings: dict[str, str]) -> None:
        # Nobody's own settings take part.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LOOKER")}
        self.name, self.log = Path(command[0]).name, log
        with log.open("w") as out:
            self.process = subprocess.Popen(command, cwd=folder, env=environment | settings,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            self.where = self._wait(pattern)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _wait(self, pattern: str) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = re.search(pattern, self.log.read_text(errors="replace"))
            if found:
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise Stop(f"{self.name} did not get ready:\n{self.log.read_text(errors='replace')[-3000:]}")

    def stop(self) -> str | None:
        """Answers what is wrong with how it ended, or None."""
        early = self.process.poll() is not None
        if not early:
            self.process.terminate()
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return f"{self.name} did not end within {STOP_SECONDS} s of SIGTERM"
        if early or status != 0:
            when = "during the run" if early else "at its end"
            print(self.log.read_text(errors="replace")[-3000:])
            return f"{self.name} ended {when} with status {status}"
        return None


def start(name: str, build: Path, folder: Path) -> list[Server]:
    """The server, and what it needs before it; the server comes last."""
    port = r'"port":(\d+)'
    if name == "mcp-fixture":
        return [Server([str(build / "tests" / name), "--port", "0"], port, folder / f"{name}.log",
                       folder, {})]
    sandbox = Server([str(build / "looker-sandbox"), "--port", "0", "--client-id", "conformance",
                      "--client-secret", "conformance"], r"(https?://[^\s/\"]+)",
                     folder / "sandbox.log", folder, {})
    settings = {"LOOKER_BASE_URL": sandbox.where, "LOOKER_CLIENT_ID": "conformance",
                "LOOKER_CLIENT_SECRET": "conformance"}
    try:
        server = Server([str(build / name), "--transport", "streamable-http", "--port", "0"], port,
                        folder / f"{name}.log", folder, settings)
    except BaseException:
        sandbox.stop()
        raise
    return [sandbox, server]


# ---- judging ----

def read_expected(path: Path) -> set[tuple[str, str]]:
    """The entries of one list of strings in YAML: scenario:check-id, and a comment."""
    entries = set()
    for line in path.read_text().splitlines():
        if not line.strip() or line.lstrip().startswith("#") or line == "server:":
            continue
        found = re.fullmatch(r"  - ([\w/-]+):([\w$-]+)(\s+#.*)?", line)
        if not found:
            raise Stop(f"{path.name}: not an entry of the form \"  - scenario:check-id\": {line}")
        entries.add((found[1], found[2]))
    return entries


def read_results(folder: Path) -> dict[str, dict[str, tuple[str, str]]]:
    """Scenario to check to (status, message); of a check made several times, the worst."""
    severity = ("FAILURE", "WARNING", "SUCCESS", "SKIPPED", "INFO")
    results: dict[str, dict[str, tuple[str, str]]] = {}
    for path in sorted(folder.glob("server-*/checks.json")):
        found = re.fullmatch(r"server-(.+?)-\d{4}-\d\d-\d\dT[\d-]+Z", path.parent.name)
        if not found:
            raise Stop(f"cannot tell the scenario of {path.parent.name}")
        checks = results.setdefault(found[1], {})
        for check in json.loads(path.read_text()):
            status = check["status"]
            message = check.get("errorMessage") or check.get("description", "")
            old = checks.get(check["id"])
            if old is None or severity.index(status) < severity.index(old[0]):
                checks[check["id"]] = (status, message)
    return results


def judge(run: Run, results: dict[str, dict[str, tuple[str, str]]]) -> Verdict:
    counted = {s: c for s, c in results.items() if run.only is None or s in run.only}
    expected = read_expected(HERE / run.expected)
    verdict = Verdict(scenarios=set(counted))
    for scenario, checks in counted.items():
        for check, (status, message) in checks.items():
            bad = status in ("FAILURE", "WARNING")
            if bad and (scenario, check) in expected:
                verdict.expected += 1
            elif bad:
                words = " ".join(message.split())[:300]
                verdict.failed.append(f"{scenario}:{check} ({status}) {words}")
            elif status == "SUCCESS":
                verdict.passed += 1
    for scenario, check in sorted(expected):
        # Some scenarios are not in every revision that the file is about.
        status = counted.get(scenario, {}).get(check, ("ABSENT", ""))[0]
        if scenario in counted and status not in ("FAILURE", "WARNING"):
            verdict.failed.append(f"{scenario}:{check} is listed in {run.expected} but did not fail "
                                  f"({status}); remove the entry")
    return verdict


def never_run(ran: dict[str, set[str]]) -> list[str]:
    """Entries about scenarios that no run of their file had: misspelt, or gone from the suite."""
    return [f"{scenario}:{check} is listed in {name}, but there is no such scenario"
            for name, scenarios in ran.items()
            for scenario, check in sorted(read_expected(HERE / name)) if scenario not in scenarios]


def run_suite(run: Run, node: Path, build: Path, folder: Path) -> Verdict:
    results = folder / "results"
    servers = start(run.server, build, folder)
    log = folder / "suite.log"
    problems: list[str] = []
    status: int | None = None
    try:
        with log.open("w") as out:
            status = subprocess.run(
                [str(node), str(SUITE), "server", "--url",
                 f"http://127.0.0.1:{servers[-1].where}/mcp", "--output-dir", str(results),
                 "--expected-failures", str(HERE / run.expected), *run.selection],
                cwd=folder, timeout=SUITE_SECONDS, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT).returncode
    except subprocess.TimeoutExpired:
        problems.append(f"the suite did not end within {SUITE_SECONDS} s")
    finally:
        problems += [p for p in (server.stop() for server in reversed(servers)) if p]
    verdict = judge(run, read_results(results))
    text = log.read_text(errors="replace")
    announced = re.search(r"\((\d+) scenarios\) against", text)
    ran = len(list(results.glob("server-*/checks.json")))
    if not announced or int(announced[1]) != ran:
        problems.append(f"the suite announced {announced[1] if announced else 'no'} scenarios, "
                        f"{ran} have results:\n{text[-2000:]}")
    # The suite's own verdict; of a run whose scenarios do not all count, it says nothing.
    if status not in (0, None) and run.only is None and not verdict.failed and not problems:
        problems.append(f"the suite's own verdict differs (status {status}):\n{text[-2000:]}")
    verdict.failed += problems
    return verdict


def main() -> int:
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        return 2
    build = Path(sys.argv[1] if len(sys.argv) == 2 else ROOT / "build").resolve()
    for name in ("tests/mcp-fixture", "looker-mcp-server", "looker-sandbox"):
        if not (build / name).exists():
            raise Stop(f"{build / name} is missing; build it first: cmake --build {build}")
    node = install()
    passed = failed = 0
    ran: dict[str, set[str]] = {}
    for run in RUNS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            verdict = run_suite(run, node, build, Path(folder))
        print(f"{run.server:17}  {run.revision}  {len(verdict.scenarios):2} scenarios  "
              f"{verdict.passed:3} checks passed  {len(verdict.failed):2} failed  "
              f"{verdict.expected:2} failed as expected  {time.monotonic() - began:4.1f} s")
        for line in verdict.failed:
            print(f"    FAILED  {line}")
        sys.stdout.flush()
        ran.setdefault(run.expected, set()).update(verdict.scenarios)
        passed += verdict.passed
        failed += len(verdict.failed)
    for line in never_run(ran):
        print(f"FAILED  {line}")
        failed += 1
    print(f"\n{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that servers are ended
    try:
        sys.exit(main())
    except Stop as why:
        print(f"run.py: {why}\n\n0 passed, 1 failed")
        sys.exit(1)
    except subprocess.TimeoutExpired as why:
        print(f"run.py: {why}\n\n0 passed, 1 failed")
        sys.exit(1)
