"""Workflows that set up and hand over: connections, projects, people."""

from __future__ import annotations

from typing import Any

from harness.cases import Case, Got


def statuses(answer: dict[str, Any]) -> dict[str, str]:
    """From step to its status; of several by one name the last."""
    return {step["step"]: step["status"] for step in answer["steps"]}


def did(got: Got, outcome: str = "done", **steps: str) -> None:
    """The outcome, and of these steps the status."""
    assert got.answer["outcome"] == outcome, got.answer
    found = statuses(got.answer)
    assert {name: found.get(name) for name in steps} == steps, got.answer


def changed_nothing(got: Got) -> None:
    assert got.answer["changed"] == []
    assert [r["operation"] for r in got.requests if r["method"] not in ("GET",)] == []


# ---- people ----

VIEWER_FOR_ADA = {"principal_type": "user", "principal_id": "2", "role_id": "3"}
VIEWER_FOR_GRACE = {"principal_type": "user", "principal_id": "grace@example.com", "role_id": 3}
ADMIN_FOR_ANALYSTS = {"principal_type": "group", "principal_id": 2, "role_id": "2"}


def ada_joins_the_viewers(got: Got) -> None:
    did(got, set_role_users="done", verify="done")
    # Those who are viewers themselves, and not those who are through a group.
    assert sorted(got.body("set_role_users")) == ["2", "3", "4", "5", "6", "7"]
    assert got.answer["principal"].startswith("user 2 (Ada Lovelace")


def grace_is_one_already(got: Got) -> None:
    did(got, set_role_users="skipped")
    changed_nothing(got)


def grace_keeps_it_through_a_group(got: Got) -> None:
    did(got, set_role_users="done", verify="done")
    assert sorted(got.body("set_role_users")) == ["4", "5", "6", "7"]
    assert "through a group" in got.answer["left_to_do"][0]


def preview_of(step: str):
    def check(got: Got) -> None:
        did(got, "preview", **{step: "planned"})
        changed_nothing(got)

    return check


NEW = {"email": "new.person@example.com", "first_name": "New", "last_name": "Person"}
NEW_WITH_ALL = {
    **NEW,
    "role_ids": [3, "1"],
    "group_ids": [2],
    "user_attribute_values": {"region": "EMEA"},
    "send_invite": True,
    "locale": "de",
    "home_folder_id": "1",
}


def new_person_is_there(got: Got) -> None:
    did(got, create_user="done", create_user_credentials_email="done", send_invite="done")
    assert got.answer["created"] is True
    assert got.body("create_user") == {"first_name": "New", "last_name": "Person"}
    assert got.body("create_user_credentials_email") == {"email": "new.person@example.com"}


def new_person_has_all(got: Got) -> None:
    did(got, set_user_roles="done", add_group_user="done", set_user_attribute_user_value="done")
    assert got.body("set_user_roles") == ["3", "1"]
    assert got.body("add_group_user") == {"user_id": got.answer["user_id"]}
    assert got.sent("add_group_user")["path"].endswith("/groups/2/users")
    assert got.body("set_user_attribute_user_value") == {"value": "EMEA"}
    assert got.body("create_user")["locale"] == "de"


def the_second_call_finds_all_done(got: Got) -> None:
    did(got, create_user="skipped", set_user_roles="skipped", add_group_user="skipped")
    assert got.answer["user_id"] == got.before[0]["user_id"]
    changed_nothing(got)


def ada_keeps_her_role(got: Got) -> None:
    did(got, create_user="skipped", set_user_roles="done", send_invite="skipped")
    assert sorted(got.body("set_user_roles")) == ["1", "3"]
    assert got.answer["user_id"] == "2" and got.answer["created"] is False


def twins_are_refused(got: Got) -> None:
    assert "6 and 7" in got.answer["error"]
    changed_nothing(got)


def left_over_is_completed(got: Got) -> None:
    # User 9 has this name and no way to log in.
    did(got, create_user="skipped", create_user_credentials_email="done", send_invite="done")
    assert got.answer["user_id"] == "9"


def new_key(got: Got) -> None:
    did(got, create_user_credentials_api3="done")
    assert got.answer["credentials"]["client_secret"]
    assert "delete_user_credentials_api3" not in got.operations


def key_was_replaced(got: Got) -> None:
    did(got, create_user_credentials_api3="done", delete_user_credentials_api3="done")
    old = got.before[0]["credentials"]
    assert got.answer["credentials"]["client_id"] != old["client_id"]
    assert got.sent("delete_user_credentials_api3")["path"].endswith(f"/{old['id']}")


def replace_first_key(before: list[dict[str, Any]]) -> dict[str, Any]:
    return {"user_id": "4", "delete_previous_id": before[0]["credentials"]["id"]}


ADA = {"user_id": "2"}
ADA_TO_GRACE = {"user_id": "2", "transfer_to": "3"}
ADA_IS_DELETED = {
    "user_id": "ADA@example.com",
    "terminate_sessions": True,
    "revoke_api_credentials": True,
    "deactivate_only": False,
    "transfer_to": "grace@example.com",
    "transfer_folder_id": 2,
    "discard_content": False,
}


def owned(answer: dict[str, Any]) -> dict[str, int]:
    return {kind: rows["count"] for kind, rows in answer["owned"].items()}


def ada_is_out(got: Got) -> None:
    did(got, disable_user="done", delete_sessions="done")
    assert owned(got.answer) | {"boards": 0} == {
        "looks": 2,
        "dashboards": 2,
        "schedules": 2,
        "alerts": 1,
        "boards": 0,
    }
    assert got.body("update_user") == {"is_disabled": True}
    assert "transfer_to" in got.answer["left_to_do"][0]
    assert got.operations.count("delete_user_session") == 2


def ada_has_nothing_left(got: Got) -> None:
    # What the sandbox says after the first call.
    did(got, disable_user="skipped", delete_sessions="skipped")
    assert set(owned(got.answer).values()) == {0}
    assert got.answer["left_to_do"] == []
    first = got.before[0]
    assert first["outcome"] == "done" and owned(first)["looks"] == 2


def grace_has_it(got: Got) -> None:
    assert {look["id"] for look in got.answer["owned"]["looks"]["items"]} >= {"1", "2", "3", "4"}
    assert owned(got.answer)["alerts"] == 2


def ada_is_gone(got: Got) -> None:
    did(got, transfer_looks="done", transfer_schedules="done", transfer_alerts="done", delete_user="done")
    assert got.operations[-1] == "delete_user"
    assert got.sent("delete_user")["path"].endswith("/users/2")


PEOPLE = [
    Case("offboard_user", ADA, ada_is_out),
    Case("offboard_user", {**ADA_IS_DELETED, "dry_run": True}, preview_of("delete_user")),
    Case("offboard_user", ADA_IS_DELETED, ada_is_gone),
    Case("offboard_user", ADA_TO_GRACE, ada_has_nothing_left, before=[("offboard_user", ADA_TO_GRACE)]),
    Case(
        "offboard_user",
        {"user_id": "3", "dry_run": True},
        grace_has_it,
        before=[("offboard_user", ADA_TO_GRACE)],
    ),
    Case(
        "offboard_user",
        {"user_id": "2", "deactivate_only": False},
        lambda got: (got.answer["error"].index("discard_content"), changed_nothing(got)),
        fails=True,
    ),
    Case("offboard_user", {"user_id": 1}, changed_nothing, fails=True),
    Case("grant_access", VIEWER_FOR_ADA, ada_joins_the_viewers),
    Case("grant_access", {**VIEWER_FOR_ADA, "dry_run": True}, preview_of("set_role_users")),
    Case("grant_access", VIEWER_FOR_GRACE, grace_is_one_already),
    Case("grant_access", VIEWER_FOR_ADA, grace_is_one_already, before=[("grant_access", VIEWER_FOR_ADA)]),
    Case("grant_access", ADMIN_FOR_ANALYSTS, lambda got: did(got, set_role_groups="done", verify="done")),
    Case("revoke_access", VIEWER_FOR_GRACE, grace_keeps_it_through_a_group),
    Case("revoke_access", {**VIEWER_FOR_GRACE, "dry_run": True}, preview_of("set_role_users")),
    Case("revoke_access", VIEWER_FOR_ADA, lambda got: did(got, set_role_users="skipped")),
    Case(
        "revoke_access",
        ADMIN_FOR_ANALYSTS,
        lambda got: did(got, set_role_groups="done", verify="done"),
        before=[("grant_access", ADMIN_FOR_ANALYSTS)],
    ),
    Case("provision_user", NEW, new_person_is_there),
    Case("provision_user", NEW_WITH_ALL, new_person_has_all),
    Case("provision_user", {**NEW_WITH_ALL, "dry_run": True}, preview_of("create_user")),
    Case(
        "provision_user",
        {**NEW_WITH_ALL, "send_invite": False},
        the_second_call_finds_all_done,
        before=[("provision_user", NEW_WITH_ALL)],
    ),
    Case(
        "provision_user",
        {
            "email": "ADA@example.com",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "role_ids": ["3"],
            "send_invite": False,
        },
        ada_keeps_her_role,
    ),
    Case(
        "provision_user",
        {"email": "new.comer@example.com", "first_name": "New", "last_name": "Comer"},
        left_over_is_completed,
    ),
    Case(
        "provision_user",
        {"email": "Twin@example.com", "first_name": "Twin", "last_name": "Two"},
        twins_are_refused,
        fails=True,
    ),
    Case("rotate_api_credentials", {"user_id": "4"}, new_key),
    Case(
        "rotate_api_credentials",
        replace_first_key,
        key_was_replaced,
        before=[("rotate_api_credentials", {"user_id": "4"})],
    ),
    Case(
        "rotate_api_credentials",
        {"user_id": "alan@example.com", "dry_run": True},
        preview_of("create_user_credentials_api3"),
    ),
]

# ---- connections ----

POSTGRES = {"name": "shop_db", "dialect_name": "postgres"}
POSTGRES_IN_FULL = {
    **POSTGRES,
    "host": "db.example.com",
    "port": 5432,
    "database": "shop",
    "username": "looker",
    "password": "pa55word",
    "schema": "public",
    "tmp_db_name": "looker_scratch",
    "ssl": True,
    "verify_ssl": True,
    "pdts_enabled": True,
    "certificate": "eyJ0eXBlIjoi",
    "file_type": ".json",
    "jdbc_additional_params": "connectTimeout=5",
    "service_name": "XE",
    "max_connections": 20,
    "db_timezone": "UTC",
    "query_timezone": "Europe/Berlin",
}


def is_healthy(got: Got) -> None:
    did(got, create_connection="done", test_connection="done")
    assert got.answer["healthy"] is True
    assert [test["status"] for test in got.answer["tests"]] == ["success", "success"]


def was_created_in_full(got: Got) -> None:
    is_healthy(got)
    sent = {k: v for k, v in POSTGRES_IN_FULL.items() if k != "pdts_enabled"}
    assert got.body("create_connection") == {**sent, "port": "5432"}
    assert "pa55word" not in str(got.answer)


def is_tested_again(got: Got) -> None:
    did(got, find_connection="done", create_connection="skipped", test_connection="done")
    assert "create_connection" not in got.operations and got.answer["changed"] == []


def is_not_overwritten(got: Got) -> None:
    assert 'host is "db.example.com" there, not "elsewhere.example.com"' in got.answer["error"]
    changed_nothing(got)


def does_not_work(got: Got) -> None:
    did(got, "failed", test_connection="failed")
    assert got.answer["healthy"] is False and "no route" in got.answer["detail"]


CONNECTIONS = [
    Case("provision_connection", POSTGRES, is_healthy, missing=("connection",)),
    Case("provision_connection", POSTGRES_IN_FULL, was_created_in_full, missing=("connection",)),
    Case(
        "provision_connection",
        {**POSTGRES, "dry_run": True},
        preview_of("create_connection"),
        missing=("connection",),
    ),
    Case(
        "provision_connection",
        POSTGRES_IN_FULL,
        is_tested_again,
        before=[("provision_connection", POSTGRES_IN_FULL)],
    ),
    Case(
        "provision_connection",
        {"name": "warehouse", "dialect_name": "postgres", "host": "elsewhere.example.com"},
        is_not_overwritten,
        fails=True,
    ),
    Case(
        "provision_connection",
        {"name": "reporting_db", "dialect_name": "mssql"},
        does_not_work,
        fails=True,
    ),
]

# ---- projects ----

SSH = {"name": "shop", "git_remote_url": "git@git.example.com:acme/shop.git"}
HTTPS = {
    "name": "shop",
    "git_remote_url": "https://git.example.com/acme/shop.git",
    "git_service_name": "gitlab",
    "git_production_branch_name": "trunk",
    "pull_request_mode": "required",
    "git_username": "looker",
    "git_password": "t0ken",
    "validation_required": True,
    "allow_warnings": False,
}


def has_key_and_repository(got: Got) -> None:
    did(got, create_project="done", create_git_deploy_key="done", update_project="done")
    assert got.answer["project_id"] == "shop" and got.answer["git_connected"] is True
    assert got.answer["deploy_key"].startswith("ssh-rsa ")
    assert got.body("update_project") == {
        "git_remote_url": SSH["git_remote_url"],
        "git_service_name": "github",
        "pull_request_mode": "links",
    }
    assert {r["workspace"] for r in got.requests} == {"dev"}


def has_password_and_no_key(got: Got) -> None:
    did(got, create_git_deploy_key="skipped", update_project="done")
    assert got.body("update_project") == {k: v for k, v in HTTPS.items() if k != "name"}
    assert "deploy_key" not in got.answer and "t0ken" not in str(got.answer)


def is_complete(got: Got) -> None:
    did(got, create_project="skipped", create_git_deploy_key="skipped", update_project="skipped")
    assert got.answer["deploy_key"] == got.before[0]["deploy_key"]
    changed_nothing(got)


def waits_for_the_key(got: Got) -> None:
    did(got, "partial", create_git_deploy_key="done", update_project="failed")
    assert got.answer["git_connected"] is False
    assert "deploy_key" in got.answer["left_to_do"][0]


VIEW = "views/orders.view.lkml"
NEW_VIEW = {"views/refunds.view.lkml": "view: refunds {}\n"}
TWO_FILES = {**NEW_VIEW, VIEW: "view: orders {\n  # changed\n}\n"}


def is_in_production(got: Got) -> None:
    did(got, write_file="done", validate="done", deploy_to_production="done", verify_production="done")
    assert got.answer["deployed"] is True
    # Seen by a session that is not in the dev workspace.
    last = got.requests[-1]
    assert (last["operation"], last["workspace"]) == ("get_project_file_content", "production")


def was_made_and_changed(got: Got) -> None:
    is_in_production(got)
    assert {f["path"]: f["action"] for f in got.answer["files"]} == {
        "views/refunds.view.lkml": "created",
        VIEW: "updated",
    }
    assert got.body("create_project_file")["path"] == "views/refunds.view.lkml"


def is_there_already(got: Got) -> None:
    did(got, write_file="skipped", verify_production="done")
    assert not {"create_project_file", "update_project_file"} & set(got.operations)


def has_errors(got: Got) -> None:
    did(got, "failed", write_file="done", validate="failed", deploy_to_production="not_done")
    assert got.answer["deployed"] is False and got.answer["stopped_at"] == "validate"
    assert got.answer["validation"]["items"][0]["file_path"] == VIEW
    assert "deploy_to_production" not in got.operations


def one_file_failed(got: Got) -> None:
    did(got, "failed", validate="not_done", deploy_to_production="not_done")
    actions = {f["path"]: f["action"] for f in got.answer["files"]}
    assert actions == {"views/refunds.view.lkml": "failed", VIEW: "updated"}
    assert "views/refunds.view.lkml" in got.answer["error"] and got.answer["stopped_at"] == "write_file"


def would_lose_the_view(got: Got) -> None:
    did(got, "preview", reset_to_production="planned")
    assert got.answer["uncommitted_files"] == [VIEW]
    changed_nothing(got)


def lost_the_view(got: Got) -> None:
    did(got, reset_to_production="done", verify="done")
    assert got.answer["uncommitted_files"] == [VIEW]
    assert got.operations.count("all_project_files") == 2


BROKEN = {VIEW: "view: orders {\n  syntax_error\n}\n"}
SAVED = ("update_file", {"project_id": "thelook", "file_id": VIEW, "content": "view: orders {}"})

PROJECTS = [
    Case("bootstrap_lookml_project", SSH, has_key_and_repository, missing=("project", "git_deploy_key")),
    Case("bootstrap_lookml_project", HTTPS, has_password_and_no_key, missing=("project",)),
    Case(
        "bootstrap_lookml_project",
        {**SSH, "dry_run": True},
        preview_of("create_project"),
        missing=("project",),
    ),
    Case(
        "bootstrap_lookml_project",
        SSH,
        waits_for_the_key,
        missing=("project", "git_deploy_key"),
        rules=[{"operation": "update_project", "status": 400, "body": {"message": "cannot connect"}}],
    ),
    Case("bootstrap_lookml_project", SSH, is_complete, before=[("bootstrap_lookml_project", SSH)]),
    Case("deploy_lookml_changes", {"project_id": "thelook", "files": NEW_VIEW}, is_in_production),
    Case(
        "deploy_lookml_changes",
        {"project_id": "thelook", "files": TWO_FILES, "validate": True, "dry_run": True},
        preview_of("deploy_to_production"),
    ),
    Case(
        "deploy_lookml_changes",
        {"project_id": "thelook", "files": TWO_FILES, "validate": True},
        was_made_and_changed,
    ),
    Case(
        "deploy_lookml_changes",
        {"project_id": "thelook", "files": TWO_FILES, "validate": False},
        is_there_already,
        before=[("deploy_lookml_changes", {"project_id": "thelook", "files": TWO_FILES})],
    ),
    Case("deploy_lookml_changes", {"project_id": "thelook", "files": BROKEN}, has_errors, fails=True),
    Case(
        "deploy_lookml_changes",
        {"project_id": "thelook", "files": TWO_FILES},
        one_file_failed,
        rules=[{"operation": "create_project_file", "status": 500, "body": {"message": "disk full"}}],
        fails=True,
    ),
    Case("rollback_to_production", {"project_id": "thelook"}, would_lose_the_view, before=[SAVED]),
    Case("rollback_to_production", {"project_id": "thelook", "confirm": True}, lost_the_view, before=[SAVED]),
]

CASES = PEOPLE + CONNECTIONS + PROJECTS
