"""tools/*.sh: what they say of themselves, and of a wrong call, before they do anything."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
SCRIPTS = ["bench", "demo", "regenerate", "setup", "test"]


def run(name: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [str(TOOLS / f"{name}.sh"), *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, cwd="/", env={**os.environ, **env}
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_the_head_of_the_script(name: str) -> None:
    result = run(name, "--help")
    assert result.returncode == 0 and result.stderr == ""
    assert f"tools/{name}.sh" in result.stdout
    assert "shellcheck" not in result.stdout and "set -eu" not in result.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_unknown_option_is_refused(name: str) -> None:
    result = run(name, "--sideways")
    assert result.returncode != 0 and result.stderr.count("\n") == 1


def test_a_taken_port_is_told_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("demo", "--serve", PORT=str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert "PORT=9000" in result.stderr and "==>" not in result.stderr
