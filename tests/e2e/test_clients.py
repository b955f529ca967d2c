"""Real clients: the official TypeScript SDK, which checks every message against its own schemas, and
the Inspector's command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.manifest import TOOLS
from harness.mcp import settings_for
from harness.process import ROOT, SERVER, environment, wait_for
from harness.sandbox import Sandbox

CLIENTS = ROOT / "tests" / "clients"
INSPECTOR = (
    ROOT / "tests/inspector/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
)

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (CLIENTS / "node_modules").is_dir(),
    reason="needs Node.js and the packages of tests/clients; tools/test.sh installs both",
)


def find_node(wanted: int) -> str | None:
    """A Node.js of at least that version: the one on PATH, or the conformance suite's own."""
    own = (ROOT / "tests" / "conformance" / "node_modules").glob("node-linux-*/bin/node")
    for node in filter(None, [shutil.which("node"), *map(str, own)]):
        words = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30)
        if words.returncode == 0 and int(words.stdout.lstrip("v").split(".")[0]) >= wanted:
            return node
    return None


def run_client(
    folder: Path, looker: Sandbox, script: str, *words: str, node: str = "node", **settings: str
) -> str:
    result = subprocess.run(
        [node, str(CLIENTS / script), *words],
        env={**environment(folder, settings_for(looker, **settings)), "PATH": os.environ["PATH"]},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert "Sanitizer" not in result.stderr, result.stderr[-4000:]
    return result.stdout


def run_inspector(folder: Path, looker: Sandbox, where: list[str], *words: str) -> Any:
    """The JSON that the Inspector's command line prints."""
    node = find_node(22)
    assert node
    home = folder / "home"
    home.mkdir(exist_ok=True)
    settings = settings_for(looker, LOG_LEVEL="WARNING")
    result = subprocess.run(
        [node, str(INSPECTOR), "--cli", *where, *words],
        env={**environment(folder, settings), "PATH": os.environ["PATH"], "HOME": str(home)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return json.loads(result.stdout)


def check_findings(text: str) -> None:
    findings = json.loads(text)
    assert sorted(findings["tools"]) == sorted(TOOLS)
    assert findings["me"]["id"]
    assert len(findings["rows"]) == 5
    offered = findings["offered"]
    assert offered["first"] == "looker://models/thelook/explores/orders"
    assert offered["explore"] == "orders"
    assert offered["completed"] == ["orders", "order_items"]
    assert len(offered["templates"]) == 4 and len(offered["prompts"]) == 4
    assert "branch=feature/returns" in offered["text"]


def test_sdk_over_stdio(looker: Sandbox, tmp_path: Path) -> None:
    check_findings(run_client(tmp_path, looker, "check.mjs", "stdio", str(SERVER)))
    assert looker.state()["live_tokens"] == 0, "the server logged out when its client left"


def test_sdk_over_http(http: Any, looker: Sandbox, tmp_path: Path) -> None:
    check_findings(run_client(tmp_path, looker, "check.mjs", "http", http().url))


def test_sdk_with_a_bearer_token(http: Any, looker: Sandbox, tmp_path: Path) -> None:
    token = "a-static-token-for-the-test"
    server = http(MCP_AUTH_TOKEN=token, headers={"Authorization": f"Bearer {token}"})
    check_findings(run_client(tmp_path, looker, "check.mjs", "http", server.url, token))


@pytest.mark.skipif(
    not INSPECTOR.exists() or find_node(22) is None,
    reason="needs Node.js 22 and the packages of tests/inspector; tools/test.sh installs both",
)
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_inspector(
    http: Any, looker: Sandbox, tmp_path: Path, transport: str, era: str
) -> None:
    if transport == "http":
        where = [http().url, "--transport", "http"]
    else:  # it passes none of its own environment on
        settings = settings_for(looker, LOG_LEVEL="WARNING")
        where = [word for name in settings for word in ("-e", f"{name}={settings[name]}")]
        where.append(str(SERVER))
    where += ["--protocol-era", era]
    tools = run_inspector(tmp_path, looker, where, "--method", "tools/list", "--strict")["tools"]
    assert sorted(tool["name"] for tool in tools) == sorted(TOOLS)
    called = run_inspector(
        tmp_path, looker, where, "--method", "tools/call", "--tool-name", "whoami"
    )
    assert json.loads(called["content"][0]["text"])["id"]
    listed = run_inspector(tmp_path, looker, where, "--method", "resources/list")["resources"]
    assert "looker://models/thelook/explores/orders" in [item["uri"] for item in listed]
    prompts = run_inspector(tmp_path, looker, where, "--method", "prompts/list")["prompts"]
    assert "explore_dataset" in [prompt["name"] for prompt in prompts]


NODE_20 = find_node(20)


@pytest.mark.skipif(NODE_20 is None, reason="needs Node.js 20; tests/conformance/run.py brings one")
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_sdk_of_the_stateless_revision(
    http: Any, looker: Sandbox, tmp_path: Path, transport: str
) -> None:
    where = str(SERVER) if transport == "stdio" else http().url
    check_findings(run_client(tmp_path, looker, "check_modern.mjs", transport, where, node=NODE_20))


@pytest.mark.parametrize("transport", ["stdio", "http", "modern"])
def test_progress_reaches_the_sdk(
    http: Any, looker: Sandbox, tmp_path: Path, transport: str
) -> None:
    if transport == "modern" and NODE_20 is None:
        pytest.skip("needs Node.js 20; tests/conformance/run.py brings one")
    # Altogether longer than the SDK waits for a word.
    looker.rules({"operation": "render_task", "delay_ms": 800})
    where = str(SERVER) if transport == "stdio" else http().url
    words = run_client(tmp_path, looker, "check_progress.mjs", transport, where, node=NODE_20 or "node")
    findings = json.loads(words)
    assert [p["message"].split(",")[0] for p in findings["progress"]] == [
        "enqueued_for_query",
        "querying",
        "rendering",
    ]
    assert findings["signature"] == "\x89PNG\r\n\x1a\n"
    assert findings["bytes"] == findings["answer"]["bytes"]


@pytest.mark.parametrize("transport", ["stdio", "modern"])
def test_a_query_outlasts_the_patience_of_the_sdk(
    http: Any, looker: Sandbox, tmp_path: Path, transport: str
) -> None:
    """Ten minutes, under a client that waits for one: a hundredth of both, but for that a hundredth of a
    minute is less than a busy machine may need for anything at all."""
    if transport == "modern" and NODE_20 is None:
        pytest.skip("needs Node.js 20; tests/conformance/run.py brings one")
    looker.control("POST", "/_sandbox/queries", {"seconds": 600, "speed": 150})
    settings = {"QUERY_WAIT": "0.8"}
    words = [transport, str(SERVER) if transport == "stdio" else http(**settings).url, "2800"]
    printed = run_client(
        tmp_path, looker, "check_long.mjs", *words, node=NODE_20 or "node", **settings
    )
    found = json.loads(printed)
    for way in ("handle", "one"):
        assert len(found[way]["rows"]) == 5 and found[way]["took"] > 3900
    assert found["handle"]["redeemed"] >= 2 and found["told"] >= 3
    wait_for("the kill", lambda: len(looker.requests("kill_query")) == 1 or None)
    assert [r["status"] for r in looker.requests("kill_query")] == [204]
    assert looker.state()["running_queries"] == 0


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_demonstration(http: Any, looker: Sandbox, tmp_path: Path, transport: str) -> None:
    where = str(SERVER) if transport == "stdio" else http().url
    printed = run_client(tmp_path, looker, "demo.mjs", transport, where).splitlines()
    header = next(i for i, line in enumerate(printed) if "order_items.total_sale_price" in line)
    assert any("made up" in line for line in printed[:header]), "nobody shall trust the numbers"
    rows = printed[header + 2 :]
    assert len(rows) == 8
    asked = [r for r in looker.requests() if r["operation"] in ("query_task_results",)]
    assert asked, "the rows come from the sandbox"
