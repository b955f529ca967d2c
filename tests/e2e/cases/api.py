"""The whole API through three tools. test_whole_api.py calls every operation there is."""

from __future__ import annotations

from urllib.parse import parse_qsl

from harness.cases import Case, Got

QUERY = {"model": "thelook", "view": "orders", "fields": ["orders.id", "orders.count"], "limit": 3}


def query(got: Got, operation: str) -> dict[str, str]:
    return dict(parse_qsl(got.sent(operation)["query"]))


def first_is(operation: str):  # type: ignore[no-untyped-def]
    def check(got: Got) -> None:
        assert got.items[0]["operation"] == operation, [i["operation"] for i in got.items]

    return check


def all_are_listed(got: Got) -> None:
    assert got.answer["total"] > 483, "the published operations and the overlay's"
    assert got.answer["next_offset"] == len(got.items) == 15
    assert got.requests == [], "the tables know"


def deletes_of_users(got: Got) -> None:
    assert [i["operation"] for i in got.items] == ["delete_user_credentials_email"], "the best of them"
    assert (got.items[0]["method"], got.items[0]["tag"]) == ("DELETE", "User")
    assert got.items[0]["access"] == "write"


def unverified_has_its_remedy(got: Got) -> None:
    row = next(i for i in got.items if i["operation"] == "list_ci_runs")
    assert row["origin"] == "unverified" and "get_project_ci_run" in row["remedy"]


def look_is_described(got: Got) -> None:
    body = got.answer["body"]
    assert got.answer["access"] == "write" and got.answer["path"] == "/looks"
    assert body["required"] is True
    assert body["types"]["LookWithQuery"]["query_id"] == "string"
    assert "id" not in body["types"]["LookWithQuery"], "Looker alone sets it"
    assert got.answer["answer"]["types"]["LookWithQuery"]["id"] == "string"
    assert got.answer["answer"]["types"]["LookWithQuery"]["folder"] == "FolderBase"
    assert "FolderBase" not in got.answer["answer"]["types"]


def nested_types_are_described(got: Got) -> None:
    assert "body" not in got.answer and "arguments" not in got.answer
    assert got.answer["answer"]["types"]["FolderBase"]["name"] == "string"


def all_read_only_fields_are_there(got: Got) -> None:
    assert got.answer["body"]["types"]["GroupIdForGroupUserInclusion"]["user_id"] == "string"


def list_body_is_wrapped(got: Got) -> None:
    assert got.answer["body"]["type"] == "list<string>"
    assert "value" in got.answer["body"]["send_as"]


def session_is_never_called(got: Got) -> None:
    assert got.answer["access"] == "never"


def users_are_projected(got: Got) -> None:
    assert got.items == [{"id": "2"}, {"id": "3"}]
    assert got.answer["next_offset"] == 3, "where the next page begins"
    assert query(got, "all_users") == {"fields": "id", "limit": "2", "offset": "1"}


def rows_are_projected(got: Got) -> None:
    assert got.items == [{"orders.id": 1}, {"orders.id": 2}, {"orders.id": 3}]
    assert got.sent("run_inline_query")["workspace"] == "dev"
    assert got.body("run_inline_query")["limit"] == "3", "Looker wants a string"


def rest_of_a_list(got: Got) -> None:
    assert got.items and got.answer["total"] == len(got.items) + 1, "what Looker cannot skip is skipped here"


def text_comes_as_text(got: Got) -> None:
    assert got.answer["text"].startswith("SELECT")


def image_is_only_told_of(got: Got) -> None:
    assert got.answer["media_type"] == "image/png" and got.answer["bytes"] > 0
    assert "render" in got.answer["note"]


def look_was_created(got: Got) -> None:
    assert got.answer["status"] == 200 and got.answer["answer"]["title"] == "By hand"
    assert set(got.answer["answer"]) == {"title", "folder"}
    assert got.body("create_look") == {"folder_id": "1", "query_id": "1", "title": "By hand"}
    assert query(got, "create_look") == {"fields": "folder(id),title"}


def list_was_sent(got: Got) -> None:
    assert got.body("set_role_users") == ["1", "2"]


def nothing_came(got: Got) -> None:
    assert got.answer == {"operation": "delete_look", "status": 204, "ok": True}


def says(*words: str):  # type: ignore[no-untyped-def]
    def check(got: Got) -> None:
        for word in words:
            assert word in got.answer["error"], got.answer
        assert got.requests == [], "nothing is sent that cannot be right"

    return check


def passes_words_on(got: Got) -> None:
    assert got.answer["status"] == 403 and "a purple heron" in got.answer["detail"]


def remedy_is_said(got: Got) -> None:
    assert "deleted in Looker itself" in got.answer["error"] and got.answer["status"] == 404


def call(operation: str, **more: object) -> dict[str, object]:
    return {"operation": operation, **more}


CASES = [
    Case("search_operations", {}, all_are_listed),
    Case(
        "search_operations",
        {"text": "password e-mail", "tag": "user", "method": "DELETE", "limit": 1, "offset": 0},
        deletes_of_users,
    ),
    Case("search_operations", {"text": "create look"}, first_is("create_look")),
    Case("search_operations", {"text": "schedule of a dashboard"}, first_is("scheduled_plans_for_dashboard")),
    Case("search_operations", {"text": "add a tile to a dashboard"}, first_is("create_dashboard_element")),
    Case("search_operations", {"text": "all_users"}, first_is("all_users")),
    Case("search_operations", {"text": "list spaces"}, first_is("all_folders")),
    Case("search_operations", {"text": "ci runs", "tag": "Project"}, unverified_has_its_remedy),
    Case("search_operations", {"tag": "Lookk"}, says("tag", 'did you mean "Look"'), fails=True),
    Case("describe_operation", {"operation": "create_look"}, look_is_described),
    Case(
        "describe_operation",
        {"operation": "create_look", "depth": 2, "part": "answer"},
        nested_types_are_described,
    ),
    Case("describe_operation", {"operation": "add_group_user"}, all_read_only_fields_are_there),
    Case("describe_operation", {"operation": "set_user_roles"}, list_body_is_wrapped),
    Case("describe_operation", {"operation": "login_user"}, session_is_never_called),
    Case("describe_operation", {"operation": "creat_look"}, says('did you mean "create_look"'), fails=True),
    Case("describe_operation", {"operation": "make a dashboard"}, says("create_dashboard"), fails=True),
    Case("call_operation", {"operation": "versions"}, lambda got: got.answer["answer"]["looker_release_version"]),
    Case("call_operation", call("all_users", arguments={"limit": 2}, fields="id", offset=1), users_are_projected),
    Case("call_operation", call("all_connections", fields="name", offset=1), rest_of_a_list),
    Case(
        "call_operation",
        call(
            "run_inline_query",
            arguments={"result_format": "json"},
            body=QUERY,
            fields="orders.id",
            offset=0,
            dev_mode=True,
        ),
        rows_are_projected,
    ),
    Case(
        "call_operation",
        call("run_inline_query", arguments={"result_format": "sql"}, body=QUERY),
        text_comes_as_text,
    ),
    Case(
        "call_operation",
        call("run_inline_query", arguments={"result_format": "png"}, body=QUERY),
        image_is_only_told_of,
    ),
    Case(
        "call_operation",
        call("run_inline_query", arguments={"result_format": "json"}, body={**QUERY, "fields": ["orders.broken"]}),
        lambda got: got.answer["detail"].index("does not exist"),
        fails=True,
    ),
    Case(
        "call_operation",
        call("create_look", body={"title": "By hand", "query_id": 1, "folder_id": "1"}, fields="title, folder{id}"),
        look_was_created,
    ),
    Case(
        "call_operation",
        call("set_role_users", arguments={"role_id": "2"}, body={"value": [1, "2"]}, fields="id"),
        list_was_sent,
    ),
    Case("call_operation", call("delete_look", arguments={"look_id": "2"}), nothing_came),
    Case("call_operation", call("no_such"), says("no operation", "no_such"), fails=True),
    Case("call_operation", call("login", body={}), says("login", "never"), fails=True),
    Case("call_operation", call("update_session", body={"workspace_id": "dev"}), says("never"), fails=True),
    Case("call_operation", call("look", arguments={"lookid": 1}), says("lookid", '"look_id"'), fails=True),
    Case("call_operation", call("look"), says("look_id"), fails=True),
    Case("call_operation", call("all_users", arguments={"limit": "ten"}), says("limit", "integer"), fails=True),
    Case("call_operation", call("create_look"), says("needs a body"), fails=True),
    Case("call_operation", call("me", body={}), says("takes none"), fails=True),
    Case("call_operation", call("create_look", body={"id": "9"}), says("body.id", "read-only"), fails=True),
    Case("call_operation", call("create_look", body={"titel": "x"}), says("titel", '"title"'), fails=True),
    Case("call_operation", call("create_look", body={"title": True}), says("body.title", "string"), fails=True),
    Case("call_operation", call("create_query", body={"view": "orders"}), says("model", "body"), fails=True),
    Case(
        "call_operation",
        call("set_role_users", arguments={"role_id": "2"}, body={"users": ["1"]}),
        says("body", '{"value"'),
        fails=True,
    ),
    Case("call_operation", call("me", fields="id, emial"), says("emial", '"email"'), fails=True),
    Case("call_operation", call("me", fields="id, role_ids{x}"), says("fields", "{x}"), fails=True),
    Case("call_operation", call("delete_look", arguments={"look_id": "2"}, fields="id"), says("fields"), fails=True),
    Case(
        "call_operation",
        call("me"),
        passes_words_on,
        rules=[{"operation": "me", "status": 403, "body": {"message": "a purple heron"}}],
        fails=True,
    ),
    Case("call_operation", call("delete_project", arguments={"project_id": "nope"}), remedy_is_said, fails=True),
]
