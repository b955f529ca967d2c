"""check_branch, compare_query and deploy_lookml_changes beside others who use the same dev workspace:
each sees its own branch from its first request to its last, and what was checked out is back after it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.mcp import StdioServer, answer_text, settings_for
from harness.process import PATIENCE_S, SERVER, environment, wait_for
from harness.sandbox import Sandbox

SHOP = {"project_id": "thelook"}
HOME = "dev-sandbox-service-ff00"
EXPECTED = {"feature/margin": False, "feature/returns": False, "hotfix": None}
# Those of check_branch that see a branch.
PARTS = {"validate_project", "run_lookml_test", "content_validation", "run_inline_query"}


def cell(looker: Sandbox) -> dict[str, Any]:
    (found,) = looker.control("GET", "/_sandbox/cells")
    return found


def is_home(looker: Sandbox, switches: int) -> None:
    assert (cell(looker)["branch"], cell(looker)["switches"]) == (HOME, switches)


def start(server: StdioServer, tool: str, arguments: dict[str, Any]) -> int | str:
    return server.start("tools/call", {"name": tool, "arguments": arguments})


def finish(server: StdioServer, call: int | str) -> dict[str, Any]:
    answer = json.loads(answer_text(server.finish(call)))
    assert isinstance(answer, dict)
    return answer


@pytest.fixture
def server(stdio: Any) -> StdioServer:
    return stdio("--groups", "all")


def test_a_branch_is_checked_and_given_back(server: StdioServer, looker: Sandbox) -> None:
    answer = server.answer("check_branch", {**SHOP, "branch": "feature/margin", "explores": ["all"]})
    assert (answer["valid"], answer["branch"], answer["outcome"]) == (False, "feature/margin", "done")
    assert [len(part["items"]) for part in answer["new"].values()] == [2, 1, 2, 1]
    assert "restore" not in answer
    is_home(looker, 2)
    seen = {r["branch"] for r in looker.requests() if r["operation"] in PARTS and r["workspace"] == "dev"}
    assert seen == {"feature/margin"}


def test_branches_are_checked_one_after_the_other(server: StdioServer, looker: Sandbox) -> None:
    calls = {
        branch: [start(server, "check_branch", {**SHOP, "branch": branch}) for _ in range(2)]
        for branch in EXPECTED
    }
    for branch, those in calls.items():
        for answer in (finish(server, call) for call in those):
            assert (answer["branch"], answer["valid"]) == (branch, EXPECTED[branch])
            assert answer["outcome"] == "done"
    is_home(looker, 6)  # out and back, once for each of the three


def test_what_fails_midway_gives_back(server: StdioServer, looker: Sandbox) -> None:
    looker.rules({"operation": "content_validation", "status": 500}, {"operation": "validate_project", "status": 500})
    answer = server.answer("check_branch", {**SHOP, "branch": "hotfix"})
    assert answer["valid"] is None and answer["checks"]["tests"]["valid"] is True
    looker.obey()
    is_home(looker, 2)


def test_a_check_that_is_cancelled_gives_back(server: StdioServer, looker: Sandbox) -> None:
    looker.rules({"operation": "content_validation", "delay_ms": 20_000})
    call = start(server, "check_branch", {**SHOP, "branch": "hotfix"})
    wait_for("content validation", lambda: len(looker.requests("content_validation")) == 2 or None)
    server.notify("notifications/cancelled", {"requestId": call})
    wait_for("the branch to be given back", lambda: cell(looker)["branch"] == HOME or None)
    is_home(looker, 2)


def test_progress_is_told(server: StdioServer, looker: Sandbox) -> None:
    arguments = {**SHOP, "branch": "hotfix", "explores": ["all"]}
    server.request(
        "tools/call", {"name": "check_branch", "arguments": arguments, "_meta": {"progressToken": "p"}}
    )
    told = [n["params"]["message"] for n in server.notifications if n["method"] == "notifications/progress"]
    assert {"lookml: looked at", "tests: looked at", "content: looked at"} < set(told)
    assert "explores: 5 of 5" in told


def test_a_query_is_compared_while_another_branch_is_in_use(server: StdioServer, looker: Sandbox) -> None:
    query = {"model": "thelook", "view": "orders", "fields": ["orders.id", "orders.count"], "limit": 4}
    calls = {
        branch: start(server, "compare_query", {**SHOP, "branch": branch, **query})
        for branch in ("hotfix", "feature/margin")
    }
    assert finish(server, calls["hotfix"])["equal"] is True
    assert finish(server, calls["feature/margin"])["rows"]["added"] == 2
    is_home(looker, 4)


def test_a_deploy_is_one_piece(server: StdioServer, looker: Sandbox) -> None:
    """From the first look at the branch to production, whatever others want meanwhile."""
    looker.rules({"operation": "create_project_file", "delay_ms": 300})
    files = {"views/refunds.view.lkml": "view: refunds {}"}
    deploy = start(server, "deploy_lookml_changes", {**SHOP, "files": files})
    wait_for("the file", lambda: looker.requests("create_project_file") or None)
    others = [
        start(server, "switch_git_branch", {**SHOP, "branch_name": "feature/returns"}),
        start(server, "check_branch", {**SHOP, "branch": "feature/margin", "tests": False}),
    ]
    answer = finish(server, deploy)
    assert (answer["deployed"], answer["branch"]["name"]) == (True, HOME)
    assert finish(server, others[0])["name"] == "feature/returns"
    assert finish(server, others[1])["valid"] is False
    operations = [r["operation"] for r in looker.requests()]
    assert operations.index("deploy_to_production") < operations.index("update_git_branch")
    assert cell(looker)["branch"] == "feature/returns"


README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("how", ["looker-mcp-server call check_branch", "curl "])
@pytest.mark.parametrize(
    ("branch", "status"), [("main", 0), ("feature/margin", 1), ("hotfix", 1), ("no-such-branch", 1)]
)
def test_the_readme_s_way_to_fail_a_job(
    http: Any, looker: Sandbox, tmp_path: Path, how: str, branch: str, status: int
) -> None:
    """The commands as they stand there, but for what is looked at and where the server is."""
    (command,) = re.findall(rf"```sh\n({re.escape(how)}.*?)```", README.read_text(), re.DOTALL)
    command = command.replace("feature/x", branch).replace('"shop"', '"thelook"')
    if "curl" in how:
        command = command.replace("127.0.0.1:8080", f"127.0.0.1:{http(CI_USERS='ada', GROUPS='workflows').port}")
    env = environment(tmp_path, settings_for(looker, CI_USERS="ada"))
    env["PATH"] = f"{SERVER.parent}:/usr/bin:/bin"
    ended = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=env, capture_output=True, timeout=PATIENCE_S)
    assert ended.returncode == status, ended.stdout + ended.stderr
    kept = json.loads((tmp_path / "check.json").read_text())
    expected = {"main": True, "feature/margin": False, "hotfix": None}
    assert kept.get("valid", "failed") == expected.get(branch, "failed")
