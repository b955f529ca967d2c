"""Fixtures of the end-to-end tests: a sandbox that stands in for Looker, and servers in front of it.

`stdio` and `http` are functions that start a server with the settings given, already connected to
the sandbox. Whatever a test starts is ended after it, and must end well: exit status 0, no
sanitizer report, nothing but JSON lines on stderr, nothing but MCP on stdout.

LK_BUILD_DIR names the build to test (default: build/).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.mcp import LEGACY, HttpServer, StdioServer, settings_for  # noqa: E402
from harness.process import SANDBOX, SERVER  # noqa: E402
from harness.redis import Redis  # noqa: E402
from harness.sandbox import Sandbox  # noqa: E402


def pytest_sessionstart(session: pytest.Session) -> None:
    for program in (SERVER, SANDBOX):
        if not program.exists():
            pytest.exit(f"{program} is not there; build it, or run tools/test.sh e2e", returncode=4)


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    status = sandbox.process.terminate()
    sandbox.process.assert_clean_end(status)


@pytest.fixture
def looker(shared_sandbox: Sandbox) -> Sandbox:
    """The sandbox as good as new."""
    shared_sandbox.reset()
    return shared_sandbox


def _starter(cls: type, looker: Sandbox, folder: Path, request: pytest.FixtureRequest) -> Any:
    def start(
        *arguments: str,
        upstream: Any = None,
        revision: str = LEGACY,
        headers: dict[str, str] | None = None,
        **more: str,
    ) -> Any:
        settings = settings_for(upstream or looker, **more)
        server = cls(folder, settings, *arguments, revision=revision)
        server.headers = headers or {}

        def end() -> None:
            try:
                if server.process.popen.returncode is None:
                    server.close()
            finally:
                server.process.discard()

        request.addfinalizer(end)
        return server.handshake()

    return start


@pytest.fixture
def stdio(
    looker: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., StdioServer]:
    """stdio(*flags, upstream=URL, revision=…, NAME=value …): a server on stdio, handshake done.
    NAME=value sets LOOKER_NAME."""
    return _starter(StdioServer, looker, tmp_path, request)


@pytest.fixture
def http(
    looker: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., HttpServer]:
    """The same over HTTP on loopback."""
    return _starter(HttpServer, looker, tmp_path, request)


@pytest.fixture
def redis(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Redis]:
    """redis(password=…, keeps=…): a redis-server, killed when the test has ended."""

    def start(**options: Any) -> Redis:
        folder = tmp_path / "redis"
        folder.mkdir()
        server = Redis(folder, **options)
        request.addfinalizer(server.kill)
        return server

    return start
