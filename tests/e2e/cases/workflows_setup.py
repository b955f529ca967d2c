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
    assert {look["id"] for look in got.answer["owned"]["looks"]["items"]} == {"1", "2", "3", "4"}
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

CASES = PEOPLE
