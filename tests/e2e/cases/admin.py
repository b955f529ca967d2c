"""Users, e-mail logins, groups, roles and schedules."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from harness.cases import Case, Got

ADA = {"user_id": "2"}
NEW = {"first_name": "Mary", "last_name": "Jackson"}
PULSE = {"name": "Pulse", "dashboard_id": "1", "crontab": "0 6 * * *", "recipients": ["ada@example.com"]}
DETAILS = {
    "run_as_recipient": False,
    "enabled": True,
    "timezone": "Europe/London",
    "require_results": True,
    "require_no_results": False,
    "require_change": False,
    "send_all_results": True,
    "filters_string": "?State=CA",
    "include_links": True,
    "include_dashboard_summary": False,
    "pdf_paper_size": "a4",
    "pdf_landscape": True,
    "pdf_page_breaks": False,
    "long_tables": True,
    "inline_table_width": 800,
    "tab_ids": ["1"],
    "color_theme": "dark",
    "embed": False,
    "show_custom_url": True,
    "custom_url_base": "https://portal.example.com",
    "custom_url_params": "/pulse",
    "custom_url_label": "Open",
    "user_id": "3",
}
HOOK = {"type": "webhook", "address": "https://example.com/hook", "format": "json", "secret_parameters": "{}"}


def query(got: Got, operation: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(got.sent(operation)["query"]).items()}


def ids(got: Got) -> list[str]:
    return [item["id"] for item in got.items]


def shows(*wanted: str) -> Any:
    def check(got: Got) -> None:
        assert sorted(ids(got)) == sorted(wanted)

    return check


def has(**wanted: Any) -> Any:
    def check(got: Got) -> None:
        assert {name: got.answer[name] for name in wanted} == wanted

    return check


def done(got: Got) -> None:
    assert got.answer["ok"] is True


def sends(operation: str, body: Any) -> Any:
    def check(got: Got) -> None:
        assert got.body(operation) == body

    return check


def fails(*words: str) -> Any:
    def check(got: Got) -> None:
        for word in words:
            assert word in got.answer["error"], got.answer

    return check


def steps(got: Got) -> dict[str, str]:
    return {step["step"]: step["status"] for step in got.answer["steps"]}


# ---- users


def finds_by_name(got: Got) -> None:
    assert ids(got) == ["4", "5"]
    sent = query(got, "search_users")
    assert (sent["full_name"], sent["is_disabled"], sent["sorts"]) == ("%alan%", "false", "first_name")
    assert "credentials_email" not in got.items[0]


def creates_a_bare_user(got: Got) -> None:
    assert got.operations == ["create_user"]
    assert got.body("create_user") == NEW
    assert got.answer["created"] is True and got.answer["outcome"] == "done"
    assert steps(got)["create_email_login"] == "skipped"


def creates_a_whole_user(got: Got) -> None:
    assert got.operations == [
        "search_users",
        "create_user",
        "create_user_credentials_email",
        "set_user_roles",
        "add_group_user",
        "add_group_user",
    ]
    assert got.body("create_user") == {
        **NEW,
        "is_disabled": False,
        "home_folder_id": "2",
        "locale": "en",
        "ui_state": {"homepage": "folder"},
        "models_dir_validated": False,
        "can_manage_api3_creds": True,
    }
    login = {"email": "mary@example.com", "forced_password_reset_at_next_login": True}
    assert got.body("create_user_credentials_email") == login
    assert got.body("set_user_roles") == ["3"]
    assert set(steps(got).values()) == {"done"} and got.answer["left_to_do"] == []


def whole_user_is_there(got: Got) -> None:
    assert got.answer["count"] == 1
    user = got.items[0]
    assert (user["first_name"], user["role_ids"], user["group_ids"]) == ("Mary", ["3"], ["1", "2"])


def creates_nobody(got: Got) -> None:
    """Ada's address in other letters: she gets what she lacks, and keeps what she has."""
    assert got.operations == ["search_users", "user_roles", "set_user_roles", "add_group_user"]
    assert (got.answer["created"], got.answer["user_id"]) == (False, "2")
    assert got.body("set_user_roles") == ["1", "3"]
    assert got.sent("add_group_user")["path"].endswith("/groups/3/users")


def repeats_harmlessly(got: Got) -> None:
    assert got.operations == ["search_users", "user_roles"]
    assert set(steps(got).values()) == {"skipped"} and got.answer["changed"] == []


def is_half_done(got: Got) -> None:
    """The third of five calls fails."""
    user = got.answer["user_id"]
    assert steps(got) == {"create_user": "done", "create_email_login": "done", "set_roles": "failed"}
    left = " ".join(got.answer["left_to_do"])
    assert f"user {user} the roles 3 with set_user_roles" in left
    assert f"user {user} into group 2 with add_group_user" in left
    assert "create_user again with the same email" in left


def never_guesses_between_twins(got: Got) -> None:
    assert "several users" in got.answer["error"]
    assert got.operations == ["search_users"]


def updates_roles_only(got: Got) -> None:
    assert got.operations == ["set_user_roles"] and got.body("set_user_roles") == []


def updates_all(got: Got) -> None:
    assert got.operations == ["update_user", "set_user_roles"]
    assert got.body("update_user") == {
        "first_name": "Augusta",
        "last_name": "King",
        "is_disabled": True,
        "home_folder_id": "2",
        "locale": "fr_FR",
        "ui_state": {},
        "models_dir_validated": True,
        "can_manage_api3_creds": False,
    }
    assert got.body("set_user_roles") == ["1", "3"]
    assert got.answer["outcome"] == "done"


def has_no_reset_link(got: Got) -> None:
    assert got.operations == ["send_user_credentials_email_password_reset"]
    assert got.answer == {"email": "ada@example.com", "user_id": "2", "is_disabled": False}


USERS = [
    Case("list_users", {}, shows(*"123456789")),
    Case(
        "list_users",
        {
            "name": "alan",
            "email": "%@example.com",
            "is_disabled": False,
            "is_service_account": False,
            "group_id": "1",
            "sorts": "first_name",
            "limit": 10,
            "offset": 0,
        },
        finds_by_name,
    ),
    Case("list_users", {"email": "ADA@example.com"}, shows("2")),
    Case("list_users", {"limit": 4, "offset": 4}, has(next_offset=8)),
    Case("get_user", ADA, has(email="ada@example.com", role_ids=["1"], display_name="Ada Lovelace")),
    Case("get_user", {"user_id": 99}, fails("list_users"), fails=True),
    Case("create_user", NEW, creates_a_bare_user),
    Case(
        "create_user",
        {
            **NEW,
            "email": "mary@example.com",
            "role_ids": [3, 3],
            "group_ids": ["2", 3],
            "is_disabled": False,
            "home_folder_id": "2",
            "locale": "en",
            "ui_state": {"homepage": "folder"},
            "models_dir_validated": False,
            "can_manage_api3_creds": True,
            "forced_password_reset_at_next_login": True,
        },
        creates_a_whole_user,
    ),
    Case(
        "list_users",
        {"email": "mary@example.com"},
        whole_user_is_there,
        before=[("create_user", {**NEW, "email": "mary@example.com", "role_ids": [3], "group_ids": [2]})] * 2,
    ),
    Case(
        "create_user",
        {**NEW, "email": "ADA@Example.com", "role_ids": ["3", "1"], "group_ids": ["2", "3"]},
        creates_nobody,
    ),
    Case(
        "create_user",
        {**NEW, "email": "ada@example.com", "role_ids": ["1"], "group_ids": ["2"]},
        repeats_harmlessly,
    ),
    Case(
        "create_user",
        {**NEW, "email": "mary@example.com", "role_ids": ["3"], "group_ids": ["2"]},
        is_half_done,
        rules=[{"operation": "set_user_roles", "status": 422, "body": {"message": "no"}}],
        fails=True,
    ),
    Case("create_user", {**NEW, "email": "twin@example.com"}, never_guesses_between_twins, fails=True),
    Case("update_user", ADA, fails("nothing to change"), fails=True),
    Case("update_user", {**ADA, "role_ids": []}, updates_roles_only),
    Case(
        "update_user",
        {
            **ADA,
            "first_name": "Augusta",
            "last_name": "King",
            "is_disabled": True,
            "role_ids": [1, 3],
            "home_folder_id": "2",
            "locale": "fr_FR",
            "ui_state": {},
            "models_dir_validated": True,
            "can_manage_api3_creds": False,
        },
        updates_all,
    ),
    Case(
        "get_user",
        ADA,
        has(first_name="Augusta", last_name="Lovelace", email="ada@example.com"),
        before=[("update_user", {**ADA, "first_name": "Augusta"})],
    ),
    Case("delete_user", ADA, done),
    Case("get_user", ADA, fails("no such user"), before=[("delete_user", ADA)], fails=True),
    Case("create_credentials_email", {"user_id": "9", "email": "new@example.com"}, has(email="new@example.com")),
    Case(
        "create_credentials_email",
        {"user_id": "9", "email": "new@example.com", "forced_password_reset_at_next_login": True},
        has(user_id="9", forced_password_reset_at_next_login=True),
    ),
    Case("get_credentials_email", ADA, has(email="ada@example.com")),
    Case("get_credentials_email", {"user_id": "9"}, fails("has no e-mail login"), fails=True),
    Case("update_credentials_email", ADA, has(email="ada@example.com")),
    Case(
        "update_credentials_email",
        {**ADA, "email": "a@example.com", "forced_password_reset_at_next_login": True},
        has(email="a@example.com", forced_password_reset_at_next_login=True),
    ),
    Case("delete_credentials_email", ADA, done),
    Case("list_users", {"email": "ada@example.com"}, shows(), before=[("delete_credentials_email", ADA)]),
    Case("send_password_reset", ADA, has_no_reset_link),
]


# ---- roles


def role_with_sets(got: Got) -> None:
    assert got.answer["permission_set"]["name"] == "Viewer"
    assert "see_looks" in got.answer["permission_set"]["permissions"]
    assert got.answer["model_set"]["models"] == ["thelook"]


def sets(kind: str) -> Any:
    def check(got: Got) -> None:
        assert got.answer["permission_set"]["id"] == "3" and got.answer["model_set"]["id"] == kind

    return check


def names_permissions(got: Got) -> None:
    assert all(item["permission"] for item in got.items) and got.items


ROLES = [
    Case("list_roles", {}, shows("1", "2", "3")),
    Case("list_roles", {"limit": 1, "offset": 2}, shows("3")),
    Case("get_role", {"role_id": "3"}, role_with_sets),
    Case("get_role", {"role_id": "99"}, fails("no such role", "list_roles"), fails=True),
    Case("create_role", {"name": "Shop", "permission_set_id": 3, "model_set_id": "2"}, sets("2")),
    Case("update_role", {"role_id": "3"}, has(name="Viewer")),
    Case("update_role", {"role_id": "3", "name": "Reader", "permission_set_id": "3", "model_set_id": 1}, sets("1")),
    Case("delete_role", {"role_id": "3"}, done),
    Case("get_user_roles", {"user_id": "3"}, shows(), before=[("delete_role", {"role_id": "3"})]),
    Case("list_permissions", {}, names_permissions),
    Case("list_permission_sets", {}, shows("1", "2", "3")),
    Case("list_permission_sets", {"limit": 1, "offset": 1}, shows("2")),
    Case(
        "create_permission_set",
        {"name": "Explorers", "permissions": ["access_data", "explore"]},
        has(name="Explorers", permissions=["access_data", "explore"]),
    ),
    Case("update_permission_set", {"permission_set_id": "3"}, has(name="Viewer")),
    Case(
        "update_permission_set",
        {"permission_set_id": "3", "name": "Readers", "permissions": ["see_looks"]},
        has(name="Readers", permissions=["see_looks"]),
    ),
    Case("delete_permission_set", {"permission_set_id": "3"}, done),
    Case("list_model_sets", {}, shows("1", "2")),
    Case("list_model_sets", {"limit": 5, "offset": 1}, shows("2")),
    Case("create_model_set", {"name": "Web", "models": ["analytics"]}, has(name="Web", models=["analytics"])),
    Case("update_model_set", {"model_set_id": "2"}, has(models=["thelook"])),
    Case("update_model_set", {"model_set_id": "2", "name": "All", "models": ["a", "b"]}, has(models=["a", "b"])),
    Case("delete_model_set", {"model_set_id": "2"}, done),
    Case("set_role_groups", {"role_id": "1", "group_ids": ["2", 3]}, shows("2", "3")),
    Case(
        "get_role_groups",
        {"role_id": "3"},
        shows(),
        before=[("set_role_groups", {"role_id": "3", "group_ids": []})],
    ),
    Case("get_role_groups", {"role_id": "3", "limit": 1, "offset": 0}, shows("2")),
    Case("set_role_users", {"role_id": "1", "user_ids": [3]}, sends("set_role_users", ["3"])),
    Case(
        "get_role_users",
        {"role_id": "1", "direct_association_only": True},
        shows("3"),
        before=[("set_role_users", {"role_id": "1", "user_ids": ["3"]})],
    ),
    Case("get_role_users", {"role_id": "3"}, shows("2", "3", "4", "5", "6", "7")),
    Case("get_role_users", {"role_id": "3", "direct_association_only": True, "limit": 2, "offset": 1}, shows("4", "5")),
    Case("set_user_roles", {"user_id": "3", "role_ids": ["1"]}, shows("1", "3")),
    Case(
        "get_user_roles",
        {"user_id": "3", "direct_association_only": True},
        shows("1"),
        before=[("set_user_roles", {"user_id": "3", "role_ids": [1]})],
    ),
    Case("get_user_roles", ADA, shows("1", "3")),
]


# ---- groups

INTO = {"parent_group_id": "1", "child_group_id": "3"}
OUT = {"parent_group_id": "2", "child_group_id": "3"}

GROUPS = [
    Case("list_groups", {}, shows("1", "2", "3")),
    Case("list_groups", {"name": "analysts", "sorts": "name", "limit": 1, "offset": 0}, shows("2")),
    Case("list_groups", {"name": "nobody"}, shows()),
    Case("add_group_user", {"group_id": "2", "user_id": 4}, has(group_ids=["1", "2"])),
    Case(
        "list_group_users",
        {"group_id": "2"},
        shows("2", "4"),
        before=[("add_group_user", {"group_id": "2", "user_id": "4"})],
    ),
    Case("list_group_users", {"group_id": "1", "sorts": "id desc", "limit": 2, "offset": 1}, shows("8", "7")),
    Case("list_group_users", {"group_id": "99"}, fails("list_groups"), fails=True),
    Case("remove_group_user", {"group_id": "2", "user_id": "2"}, done),
    Case("remove_group_user", {"group_id": "2", "user_id": "4"}, fails("not in the group"), fails=True),
    Case(
        "list_group_users",
        {"group_id": "2"},
        shows(),
        before=[("remove_group_user", {"group_id": "2", "user_id": "2"})],
    ),
    Case("create_group", {"name": "Finance"}, has(name="Finance")),
    Case(
        "create_group",
        {"name": "Finance", "can_add_to_content_metadata": True},
        has(can_add_to_content_metadata=True),
    ),
    Case("update_group", {"group_id": "2"}, has(name="Analysts")),
    Case(
        "update_group",
        {"group_id": "2", "name": "Data", "can_add_to_content_metadata": False},
        has(id="2", name="Data", can_add_to_content_metadata=False),
    ),
    Case("delete_group", {"group_id": "2"}, done),
    Case("list_groups", {}, shows("1", "3"), before=[("delete_group", {"group_id": "2"})]),
    Case("list_group_groups", {"group_id": "2"}, shows("3")),
    Case("list_group_groups", {"group_id": "2", "limit": 1, "offset": 1}, shows()),
    Case("add_group_to_group", INTO, sends("add_group_group", {"group_id": "3"})),
    Case("list_group_groups", {"group_id": "1"}, shows("3"), before=[("add_group_to_group", INTO)]),
    Case("remove_group_from_group", OUT, done),
    Case("list_group_groups", {"group_id": "2"}, shows(), before=[("remove_group_from_group", OUT)]),
]


# ---- schedules


def asks_for_everybody(got: Got) -> None:
    assert sorted(ids(got)) == ["1", "2", "3"]
    assert query(got, "search_scheduled_plans")["all_users"] == "true"
    assert got.items[0]["user"]["display_name"] == "Ada Lovelace"


def asks_for_one(got: Got) -> None:
    assert ids(got) == ["1"]
    assert "all_users" not in query(got, "search_scheduled_plans")


def mails_a_pdf(got: Got) -> None:
    assert got.body("create_scheduled_plan") == {
        "name": "Pulse",
        "dashboard_id": "1",
        "crontab": "0 6 * * *",
        "scheduled_plan_destination": [{"type": "email", "address": "ada@example.com", "format": "wysiwyg_pdf"}],
    }
    assert got.answer["user_id"] == "1" and got.answer["enabled"] is True


def sends_every_detail(got: Got) -> None:
    body = got.body("create_scheduled_plan")
    assert {name: body[name] for name in DETAILS} == DETAILS
    assert [d["type"] for d in body["scheduled_plan_destination"]] == ["email", "email", "webhook"]
    assert body["scheduled_plan_destination"][1]["format"] == "csv"
    assert body["datagroup"] == "thelook::nightly" and "crontab" not in body
    assert "secret" not in str(got.answer)


def says_what_looker_wants_of_looks(got: Got) -> None:
    body = got.body("create_scheduled_plan")
    assert [body[name] for name in ("require_results", "require_no_results", "require_change")] == [False] * 3


def keeps_destinations(got: Got) -> None:
    assert got.body("update_scheduled_plan") == {"enabled": False}
    assert got.answer["scheduled_plan_destination"][0]["address"] == "ada@example.com"
    assert got.answer["scheduled_plan_destination"][0]["format"] == "wysiwyg_pdf"


def changes_its_subject(got: Got) -> None:
    body = got.body("update_scheduled_plan")
    assert body["look_id"] == "1" and body["datagroup"] == "thelook::nightly"
    cleared = ("dashboard_id", "lookml_dashboard_id", "query_id", "crontab")
    assert [body[name] for name in cleared] == [None] * 4
    assert got.answer["look_id"] == "1" and got.answer["dashboard_id"] is None


def runs_a_copy(got: Got) -> None:
    assert got.answer["id"] != "1" and got.answer["run_once"] is True and got.answer["dashboard_id"] == "1"


ONE = {"schedule_id": "1"}

SCHEDULES = [
    Case("list_schedules", {}, asks_for_everybody),
    Case(
        "list_schedules",
        {
            "user_id": "2",
            "all_users": True,
            "name": "Daily%",
            "dashboard_id": "1",
            "recipient": "ada@example.com",
            "sorts": "name",
            "limit": 5,
            "offset": 0,
        },
        asks_for_one,
    ),
    Case("list_schedules", {"look_id": "2"}, shows("3")),
    Case("list_schedules", {"lookml_dashboard_id": "thelook::overview"}, shows()),
    Case("list_schedules", {"all_users": False}, shows()),
    Case("create_schedule", {"name": "Pulse"}, fails("look_id, dashboard_id"), fails=True),
    Case("create_schedule", PULSE, mails_a_pdf),
    Case(
        "create_schedule",
        {
            **DETAILS,
            "name": "Everything",
            "look_id": "1",
            "datagroup": "thelook::nightly",
            "recipients": ["a@example.com", "b@example.com"],
            "email_format": "csv",
            "destinations": [HOOK],
        },
        sends_every_detail,
    ),
    Case("create_schedule", {**PULSE, "dashboard_id": "", "look_id": "1"}, fails("dashboard_id"), fails=True),
    Case(
        "create_schedule",
        {"name": "Rows", "look_id": "1", "run_once": True, "destinations": [HOOK]},
        says_what_looker_wants_of_looks,
    ),
    Case(
        "create_schedule",
        {**{k: v for k, v in PULSE.items() if k != "dashboard_id"}, "lookml_dashboard_id": "thelook::overview"},
        has(lookml_dashboard_id="thelook::overview"),
    ),
    Case(
        "create_schedule",
        {**{k: v for k, v in PULSE.items() if k != "dashboard_id"}, "query_id": 1},
        has(query_id="1"),
    ),
    Case("create_schedule", {**PULSE, "look_id": "1"}, fails("only one of look_id"), fails=True),
    Case("create_schedule", {**PULSE, "datagroup": "x"}, fails("only one of crontab"), fails=True),
    Case("create_schedule", {"name": "x", "look_id": "1", "crontab": "0 1 * * *"}, fails("recipients"), fails=True),
    Case(
        "create_schedule",
        {**PULSE, "destinations": [{**HOOK, "adress": "x"}]},
        fails("destinations[0]", "adress", "address"),
        fails=True,
    ),
    Case("create_schedule", {**PULSE, "destinations": [{**HOOK, "id": "7"}]}, fails("cannot be set"), fails=True),
    Case("update_schedule", ONE, sends("update_scheduled_plan", {})),
    Case("update_schedule", {**ONE, "enabled": False}, keeps_destinations),
    Case("update_schedule", {**ONE, "look_id": "1", "datagroup": "thelook::nightly"}, changes_its_subject),
    Case(
        "update_schedule",
        {
            **DETAILS,
            **ONE,
            "name": "Renamed",
            "crontab": "0 9 * * *",
            "dashboard_id": "2",
            "recipients": ["a@example.com"],
            "email_format": "assembled_pdf",
            "destinations": [HOOK],
            "run_once": False,
        },
        has(name="Renamed", crontab="0 9 * * *", dashboard_id="2", user_id="3"),
    ),
    Case("update_schedule", {**ONE, "lookml_dashboard_id": "thelook::overview"}, has(dashboard_id=None)),
    Case("update_schedule", {**ONE, "query_id": "1"}, has(query_id="1", dashboard_id=None)),
    Case("update_schedule", {"schedule_id": "99", "enabled": False}, fails("list_schedules"), fails=True),
    Case("delete_schedule", ONE, done),
    Case("list_schedules", {}, shows("2", "3"), before=[("delete_schedule", ONE)]),
    Case("run_schedule_once", ONE, runs_a_copy),
]

CASES = USERS + ROLES + GROUPS + SCHEDULES
