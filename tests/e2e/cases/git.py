"""Branches, deploys and resets, deploy keys and tests of the connection."""

from typing import Any

from harness.cases import Case, Got

SHOP = {"project_id": "thelook"}
RETURNS = {**SHOP, "branch_name": "feature/returns"}
HOTFIX = {**SHOP, "branch_name": "hotfix"}
NEW_FILE = ("create_file", {**SHOP, "file_id": "views/new.view.lkml", "content": "view: new {}"})
MAIN_REF = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"
OLD_REF = "1" * 40
AHEAD_REF = "3" * 40


def steps(got: Got) -> dict[str, str]:
    return {s["step"]: s["status"] for s in got.answer["steps"]}


def production_branch(got: Got) -> None:
    assert got.sent("git_branch")["workspace"] == "production"
    assert got.answer["name"] == "main" and got.answer["is_production"] is True
    assert got.answer["ref"] == MAIN_REF and "can" not in got.answer


def dev_branch(got: Got) -> None:
    assert got.sent("git_branch")["workspace"] == "dev"
    assert got.answer["name"].startswith("dev-sandbox-service-") and got.answer["personal"] is True


def on_branch(name: str) -> Any:
    def check(got: Got) -> None:
        assert got.answer["name"] == name

    return check


def branches(got: Got) -> None:
    seeded = {"main", "feature/returns", "feature/margin", "hotfix", "dev-ada-lovelace-x2kq"}
    assert {b["name"] for b in got.items} == seeded
    hotfix = next(b for b in got.items if b["name"] == "hotfix")
    assert (hotfix["ahead_count"], hotfix["behind_count"]) == (2, 1)


def second_page(got: Got) -> None:
    assert got.sent("all_git_branches")["workspace"] == "dev"
    assert [b["name"] for b in got.items] == ["feature/returns"] and got.answer["total"] == 6


def slash_is_encoded(got: Got) -> None:
    assert got.sent("find_git_branch")["path"].endswith("/git_branch/feature%2Freturns")
    assert got.answer["name"] == "feature/returns"


def says_where_branches_are(got: Got) -> None:
    assert "list_git_branches" in got.answer["error"] and got.answer["status"] == 404


def says_where_projects_are(got: Got) -> None:
    assert "list_projects" in got.answer["error"] and got.answer["status"] == 404


def key_is_text(got: Got) -> None:
    assert got.answer["deploy_key"].startswith("ssh-rsa AAAA")


def branch_made(got: Got) -> None:
    request = got.sent("create_git_branch")
    assert request["workspace"] == "dev" and got.body("create_git_branch") == {"name": "feature/Ü x"}
    assert got.answer["name"] == "feature/Ü x" and got.answer["ref"] == MAIN_REF


def branch_from_ref(got: Got) -> None:
    assert got.body("create_git_branch") == {"name": "old", "ref": OLD_REF}
    assert got.answer["ref"] == OLD_REF


def exists(got: Got) -> None:
    assert got.answer["status"] == 422 and "exists" in str(got.answer)


def switched(got: Got) -> None:
    assert got.body("update_git_branch") == {"name": "hotfix"} and got.answer["name"] == "hotfix"
    assert got.answer["ref"] == AHEAD_REF


def branch_deleted(got: Got) -> None:
    request = got.sent("delete_git_branch")
    assert request["path"].endswith("/git_branch/feature%2Freturns") and request["workspace"] == "dev"
    assert got.answer == {"ok": True, "project_id": "thelook", "branch_name": "feature/returns"}


def branch_gone(got: Got) -> None:
    assert "feature/returns" not in {b["name"] for b in got.items}


def says_it_is_checked_out(got: Got) -> None:
    assert "checked out" in str(got.answer)


def deployed(got: Got) -> None:
    assert got.operations == ["git_branch", "deploy_to_production", "git_branch"]
    assert got.sent("deploy_to_production")["workspace"] == "dev"
    assert got.answer["production_before"]["ref"] == MAIN_REF
    assert got.answer["production_after"]["ref"] != MAIN_REF
    assert got.answer["outcome"] == "done" and set(steps(got).values()) == {"done"}
    assert MAIN_REF in got.answer["changed"][0]


def in_production(got: Got) -> None:
    assert got.answer["content"] == "view: new {}"


def branch_deployed(got: Got) -> None:
    assert "branch=hotfix" in got.sent("deploy_ref_to_production")["query"]
    assert got.answer["outcome"] == "done"


def old_ref_deployed(got: Got) -> None:
    assert f"ref={OLD_REF}" in got.sent("deploy_ref_to_production")["query"]
    assert got.answer["production_after"]["ref"] == OLD_REF


def refused_and_said_so(got: Got) -> None:
    assert got.answer["outcome"] == "failed" and got.answer["status"] == 422
    assert steps(got) == {"read_production_before": "done", "deploy": "failed"}
    assert "LookML errors" in got.answer["detail"] and got.answer["changed"] == []


def not_both(got: Got) -> None:
    assert "not both" in got.answer["error"] and got.operations == []


def deployed_unseen(got: Got) -> None:
    assert got.answer["outcome"] == "done" and "production_after" not in got.answer
    assert got.answer["left_to_do"] and "took the deploy" in got.answer["changed"][0]


def was_reset(got: Got) -> None:
    assert got.answer == {"ok": True, "project_id": "thelook"}
    assert got.sent("reset_project_to_production")["workspace"] == "dev"


def no_new_file(got: Got) -> None:
    assert "views/new.view.lkml" not in {f["id"] for f in got.items}


def preview_of_remote(got: Got) -> None:
    assert got.answer["outcome"] == "preview" and got.operations == ["git_branch", "all_project_files"]
    assert got.answer["branch_before"]["name"] == "hotfix" and got.answer["branch_before"]["ahead_count"] == 2
    assert got.answer["uncommitted_files"] == ["views/new.view.lkml"]
    assert got.answer["uncommitted_changes"] == 1 and steps(got)["reset"] == "planned"


def reset_to_remote(got: Got) -> None:
    assert got.answer["outcome"] == "done" and got.answer["branch_before"]["ref"] == AHEAD_REF
    assert got.answer["branch_after"]["ref"] == MAIN_REF and got.answer["branch_after"]["ahead_count"] == 0
    assert got.answer["uncommitted_changes"] == 1


def not_on_remote(got: Got) -> None:
    assert got.answer["outcome"] == "failed" and steps(got)["reset"] == "failed"
    assert got.answer["changed"] == []


def preview_of_ref(got: Got) -> None:
    assert got.answer["outcome"] == "preview" and "update_git_branch" not in got.operations
    assert got.answer["branch_before"]["ref"] == AHEAD_REF


def reset_to_ref(got: Got) -> None:
    assert got.body("update_git_branch") == {"name": "hotfix", "ref": OLD_REF}
    assert got.answer["branch_after"] == {**got.answer["branch_after"], "name": "hotfix", "ref": OLD_REF}
    assert got.answer["branch_before"]["ref"] == AHEAD_REF


def same_key(got: Got) -> None:
    assert got.answer["deploy_key"] == got.before[0]["deploy_key"]


def connection_tests(got: Got) -> None:
    assert [t["id"] for t in got.items][0] == "git_hostname_resolves_test" and got.answer["count"] == 4


def passes(got: Got) -> None:
    assert got.answer["status"] == "pass" and got.answer["id"] == "git_read_test"


def fails(got: Got) -> None:
    query = got.sent("run_git_connection_test")["query"]
    assert "use_production=true" in query and "remote_url=git%40unreachable%3Ax" in query
    assert got.answer["status"] == "fail" and "Permission denied" in got.answer["message"]


CASES = [
    Case("get_git_branch", SHOP, production_branch),
    Case("get_git_branch", {**SHOP, "dev_mode": True}, dev_branch),
    Case("get_git_branch", {"project_id": "none"}, says_where_projects_are, fails=True),
    Case("list_git_branches", SHOP, branches),
    Case("list_git_branches", {**SHOP, "dev_mode": True, "limit": 1, "offset": 1}, second_page),
    Case("get_git_branch_by_name", RETURNS, slash_is_encoded),
    Case("get_git_branch_by_name", {**HOTFIX, "dev_mode": True}, on_branch("hotfix")),
    Case("get_git_branch_by_name", {**SHOP, "branch_name": "none"}, says_where_branches_are, fails=True),
    Case("create_git_branch", {**SHOP, "branch_name": "feature/Ü x"}, branch_made),
    Case("create_git_branch", {**SHOP, "branch_name": "old", "ref": OLD_REF}, branch_from_ref),
    Case("create_git_branch", RETURNS, exists, fails=True),
    Case(
        "get_git_branch",
        {**SHOP, "dev_mode": True},
        on_branch("feature/a/b"),
        before=[("create_git_branch", {**SHOP, "branch_name": "feature/a/b"})],
    ),
    Case("switch_git_branch", HOTFIX, switched),
    Case("get_git_branch", {**SHOP, "dev_mode": True}, on_branch("hotfix"), before=[("switch_git_branch", HOTFIX)]),
    Case("switch_git_branch", {**SHOP, "branch_name": "none"}, says_where_branches_are, fails=True),
    Case("delete_git_branch", RETURNS, branch_deleted),
    Case("list_git_branches", SHOP, branch_gone, before=[("delete_git_branch", RETURNS)]),
    Case("delete_git_branch", HOTFIX, says_it_is_checked_out, before=[("switch_git_branch", HOTFIX)], fails=True),
    Case("deploy_to_production", SHOP, deployed, before=[NEW_FILE]),
    Case(
        "get_file",
        {**SHOP, "file_id": "views/new.view.lkml", "dev_mode": False},
        in_production,
        before=[NEW_FILE, ("deploy_to_production", SHOP)],
    ),
    Case("deploy_to_production", {**SHOP, "branch": "hotfix"}, branch_deployed),
    Case("deploy_to_production", {**SHOP, "ref": OLD_REF}, old_ref_deployed),
    Case("deploy_to_production", SHOP, refused_and_said_so, before=[("switch_git_branch", RETURNS)], fails=True),
    Case("deploy_to_production", {**SHOP, "branch": "hotfix", "ref": "x"}, not_both, fails=True),
    Case(
        "deploy_to_production",
        SHOP,
        deployed_unseen,
        rules=[{"operation": "git_branch", "status": 500, "body": {"message": "no"}}],
    ),
    Case("reset_to_production", SHOP, was_reset),
    Case("list_project_files", SHOP, no_new_file, before=[NEW_FILE, ("reset_to_production", SHOP)]),
    Case(
        "reset_git_branch_to_remote",
        SHOP,
        preview_of_remote,
        before=[("switch_git_branch", HOTFIX), NEW_FILE],
    ),
    Case(
        "reset_git_branch_to_remote",
        {**SHOP, "confirm": True},
        reset_to_remote,
        before=[("switch_git_branch", HOTFIX), NEW_FILE],
    ),
    Case(
        "reset_git_branch_to_remote",
        {**SHOP, "confirm": True},
        not_on_remote,
        before=[("switch_git_branch", {**SHOP, "branch_name": "dev-ada-lovelace-x2kq"})],
        fails=True,
    ),
    Case("update_git_branch", {**HOTFIX, "ref": OLD_REF}, preview_of_ref),
    Case("update_git_branch", {**HOTFIX, "ref": OLD_REF, "confirm": True}, reset_to_ref),
    Case("update_git_branch", {**HOTFIX, "ref": "none", "confirm": True}, not_on_remote, fails=True),
    Case("update_git_branch", {**SHOP, "branch_name": "none", "ref": "x"}, says_where_branches_are, fails=True),
    Case("get_git_deploy_key", SHOP, same_key, before=[("create_git_deploy_key", SHOP)]),
    Case("create_git_deploy_key", SHOP, key_is_text),
    Case("list_git_connection_tests", SHOP, connection_tests),
    Case("list_git_connection_tests", {**SHOP, "remote_url": "git@unreachable:x"}),
    Case("run_git_connection_test", {**SHOP, "test_id": "git_read_test"}, passes),
    Case(
        "run_git_connection_test",
        {**SHOP, "test_id": "git_read_test", "remote_url": "git@unreachable:x", "use_production": "true"},
        fails,
    ),
]
