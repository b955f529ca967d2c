"""LookML projects: files, validation, tests, datagroups, derived tables."""

import time
from typing import Any

from harness.cases import Case, Got

SHOP = {"project_id": "thelook"}
NEW = {**SHOP, "file_id": "views/new.view.lkml"}
ORDERS = {**SHOP, "file_id": "views/orders.view.lkml"}
BROKEN = {**ORDERS, "content": "view: orders {\n  syntax_error\n}\n"}
TABLES = [{"schema": "public", "table_name": "daily"}]
REMOVED = {"message": "Not found"}


def sent_in(got: Got, operation: str, workspace: str) -> dict[str, Any]:
    request = got.sent(operation)
    assert request["workspace"] == workspace
    return request


def projects(got: Got) -> None:
    assert [p["id"] for p in got.items] == ["thelook", "analytics", "big", "retail", "common", "finance"]
    assert got.items[0]["validation_required"] is True and "can" not in got.items[0]


def second_project(got: Got) -> None:
    assert [p["id"] for p in got.items] == ["analytics"] and got.answer["next_offset"] == 2


def project_deleted(got: Got) -> None:
    assert got.answer == {"ok": True, "project_id": "big"} and got.operations == ["delete_project"]


def without_it(got: Got) -> None:
    assert "big" not in {p["id"] for p in got.items}


def nightly(got: Got) -> None:
    assert got.answer["name"] == "nightly" and got.answer["trigger_value"] == "2026-01-01"


def second_datagroup(got: Got) -> None:
    assert [d["id"] for d in got.items] == ["2"]


def one_project(got: Got) -> None:
    assert got.answer["git_remote_url"] == "git@git.example.com:shop/thelook.git"
    assert got.answer["has_production_counterpart"] is True


def created_in_dev(got: Got) -> None:
    assert got.answer["id"] == "fresh" and got.answer["name"] == "fresh"
    sent_in(got, "create_project", "dev")
    assert got.body("create_project") == {"name": "fresh"}


FULL_UPDATE = {
    "name": "Shop",
    "git_remote_url": "https://git.example.com/shop.git",
    "git_username": "looker",
    "git_password": "hunter2",
    "git_service_name": "gitlab",
    "git_username_user_attribute": "git_user",
    "git_password_user_attribute": "git_secret",
    "git_production_branch_name": "main",
    "pull_request_mode": "links",
    "validation_required": False,
    "git_release_mgmt_enabled": True,
    "allow_warnings": True,
    "use_git_cookie_auth": False,
    "git_application_server_http_port": 8443,
    "git_application_server_http_scheme": "https",
    "deploy_secret": "s3cret",
    "unset_deploy_secret": False,
    "dependency_status": "lock_optional",
}


def updated_wholly(got: Got) -> None:
    sent_in(got, "update_project", "dev")
    assert got.body("update_project") == FULL_UPDATE
    assert got.answer["git_service_name"] == "gitlab" and got.answer["pull_request_mode"] == "links"
    assert "hunter2" not in str(got.result) and "s3cret" not in str(got.result)


def bare(got: Got) -> None:
    assert got.body("update_project") == {"git_remote_url": None, "git_service_name": "bare"}


def one_setting_sent(got: Got) -> None:
    assert got.body("update_project") == {"allow_warnings": True}


def manifest(got: Got) -> None:
    imported = {"name": "blocks", "url": "https://git.example.com/blocks.git", "ref": "v1.2", "is_remote": True}
    assert got.answer["imports"] == [imported]


def key_is_text(got: Got) -> None:
    assert got.answer["deploy_key"].startswith("ssh-rsa AAAA") and got.answer["project_id"] == "thelook"
    assert got.answer["deploy_key"] == got.answer["deploy_key"].strip()


def same_key(got: Got) -> None:
    assert got.answer["deploy_key"] == got.before[0]["deploy_key"]


def another_key(got: Got) -> None:
    assert got.answer["deploy_key"] != got.before[0]["deploy_key"]


def no_key_yet(got: Got) -> None:
    assert got.answer["status"] == 404 and "create_project_deploy_key" in got.answer["error"]


def dev_files(got: Got) -> None:
    sent_in(got, "all_project_files", "dev")
    rows = {f["id"]: f for f in got.items}
    assert rows["views/orders.view.lkml"]["type"] == "view" and rows["README.md"]["editable"] is True
    assert rows["models/thelook.model.lkml"]["git_status"] is None and got.answer["total"] == 9


def new_file_listed(got: Got) -> None:
    row = next(f for f in got.items if f["id"] == NEW["file_id"])
    assert row["git_status"]["action"] == "added"


def production_files(got: Got) -> None:
    sent_in(got, "all_project_files", "production")
    assert got.answer["count"] == 2 and got.answer["next_offset"] == 3
    assert [f["id"] for f in got.items] == ["README.md", "models/thelook.model.lkml"]


def orders_text(got: Got) -> None:
    sent_in(got, "get_project_file_content", "dev")
    assert got.answer["content"].startswith("view: orders {\n") and got.answer["type"] == "view"
    assert got.answer["total_bytes"] == len(got.answer["content"])
    assert "next_offset" not in got.answer


def rest_of_production(got: Got) -> None:
    sent_in(got, "get_project_file_content", "production")
    assert got.answer["content"] == "orders {\n  sql_table_name: public.orders ;;\n}\n"
    assert got.answer["offset"] == 6


def metadata_alone(got: Got) -> None:
    assert got.answer["content"] is None and "not its text" in got.answer["content_note"]
    assert got.answer["path"] == "views/orders.view.lkml"


def says_file_is_not_there(got: Got) -> None:
    assert "views/none.view.lkml" in got.answer["error"] and "list_project_files" in got.answer["error"]


def file_created(got: Got) -> None:
    sent_in(got, "create_project_file", "dev")
    assert got.body("create_project_file") == {"path": "views/new.view.lkml", "content": "view: new {}"}
    assert got.answer["action"] == "created" and got.answer["bytes"] == 12


def reads_as_written(text: str) -> Any:
    def check(got: Got) -> None:
        assert got.answer["content"] == text

    return check


def exists_already(got: Got) -> None:
    assert "update_file" in got.answer["error"] and got.operations == ["all_project_files"]


def not_there(got: Got) -> None:
    assert "no file" in got.answer["error"] and got.operations == ["all_project_files"]


def route_missing(got: Got) -> None:
    assert "nothing was changed" in got.answer["error"]


def file_updated(got: Got) -> None:
    sent_in(got, "update_project_file", "dev")
    assert got.answer["action"] == "updated" and got.answer["file_id"] == "views/orders.view.lkml"


def file_deleted(got: Got) -> None:
    request = sent_in(got, "delete_project_file", "dev")
    assert "file_path=README.md" in request["query"] and got.answer["action"] == "deleted"


def gone_from_dev_only(got: Got) -> None:
    assert "README.md" in {f["id"] for f in got.items}


def directories(got: Got) -> None:
    sent_in(got, "list_project_directories", "dev")
    assert got.items == ["models", "views", "tests", "dashboards"]


def one_directory(got: Got) -> None:
    sent_in(got, "list_project_directories", "production")
    assert got.items == ["views"] and got.answer["next_offset"] == 2


def directory_listed(got: Got) -> None:
    assert "views/shop" in got.items


def directory_made(got: Got) -> None:
    assert got.answer == {"ok": True, "project_id": "thelook", "path": "views/shop"}
    assert got.body("create_project_directory") == {"path": "views/shop"}


def directory_deleted(got: Got) -> None:
    assert "path=views" in got.sent("delete_project_directory")["query"]


def no_views_left(got: Got) -> None:
    assert not [f for f in got.items if f["id"].startswith("views/")]


def one_view(got: Got) -> None:
    assert got.answer["new_files"] == ["views/daily.view.lkml"] and got.answer["outcome"] == "done"
    request = sent_in(got, "generate_project_views", "dev")
    assert "file_type_for_explores=none" in request["query"] and "folder_name=views" in request["query"]
    assert got.body("generate_project_views") == {"tables": TABLES}


def views_by_columns(got: Got) -> None:
    body = got.body("generate_project_views")["tables"]
    assert body[0]["columns"] == [{"column_name": "id"}] and body[0]["base_view"] is True
    assert got.answer["new_files"] == ["base/orders.view.lkml", "base/users.view.lkml"]


def bad_table(got: Got) -> None:
    assert "tables[1]" in got.answer["error"] and "table_name" in got.answer["error"]
    assert got.operations == []


def overwritten(got: Got) -> None:
    assert got.answer["new_files"] == [] and "no new file" in str(got.answer["left_to_do"])


def valid(got: Got) -> None:
    sent_in(got, "validate_project", "production")
    assert got.answer["valid"] is True and got.answer["workspace"] == "production"
    assert got.answer["errors"] == {"count": 0, "total": 0, "items": []}


def two_errors(got: Got) -> None:
    sent_in(got, "validate_project", "dev")
    assert got.answer["valid"] is False and got.answer["workspace"] == "dev"
    assert got.answer["kinds"] == {"syntax": 1, "deprecation": 1}
    assert got.answer["severities"] == {"error": 1, "warning": 1}
    first = got.answer["errors"]["items"]
    assert [(e["severity"], e["file_path"], e["line_number"]) for e in first] == [
        ("error", "views/orders.view.lkml", 2)
    ]
    assert got.answer["errors"]["total"] == 2 and got.answer["errors"]["next_offset"] == 1


def production_is_untouched(got: Got) -> None:
    assert got.answer["valid"] is True


def not_validated(got: Got) -> None:
    assert got.answer["valid"] is None and "not known" in got.answer["valid_note"]
    assert got.answer["models_not_validated"][0]["name"] == "thelook"


def warnings_alone(got: Got) -> None:
    assert got.answer["valid"] is True and got.answer["severities"] == {"warning": 1}


def no_verdict(got: Got) -> None:
    assert got.answer["valid"] is None and "compiled" in got.answer["valid_note"]


def two_tests(got: Got) -> None:
    sent_in(got, "all_lookml_tests", "production")
    assert [(t["name"], t["model_name"], t["explore_name"]) for t in got.items] == [
        ("orders_have_rows", "thelook", "orders"),
        ("revenue_is_known", "thelook", "order_items"),
    ]
    assert got.items[1]["line"] == 6


def branch_tests(got: Got) -> None:
    sent_in(got, "all_lookml_tests", "dev")
    assert [t["name"] for t in got.items] == ["no_returns"] and got.answer["total"] == 2


def all_pass(got: Got) -> None:
    sent_in(got, "run_lookml_test", "production")
    assert got.answer["passed"] is True and got.answer["tests"] == 2 and got.answer["failed"] == 0
    assert got.answer["assertions"] == 3


def one_fails(got: Got) -> None:
    sent_in(got, "run_lookml_test", "dev")
    assert got.answer["passed"] is False and (got.answer["tests"], got.answer["failed"]) == (2, 1)
    failure = got.items[0]
    assert failure["test_name"] == "no_returns" and failure["success"] is False
    assert failure["errors"][0]["message"] == "An assertion is false for row 1."
    assert [t["success"] for t in got.items] == [False, True]


def one_test_run(got: Got) -> None:
    query = got.sent("run_lookml_test")["query"]
    assert "model=thelook" in query and "test=revenue_is_known" in query
    assert got.answer["tests"] == 1 and got.answer["passed"] is True


def nothing_ran(got: Got) -> None:
    assert got.answer["passed"] is None and "no test ran" in got.answer["passed_note"]


def too_slow(got: Got) -> None:
    assert got.answer["kind"] == "timeout" and "raise timeout" in got.answer["error"]


def datagroups(got: Got) -> None:
    assert [d["name"] for d in got.items] == ["nightly", "hourly"]
    assert got.items[1]["trigger_error"] == "relation etl_log does not exist"


def now_in(field: str, other: str) -> Any:
    def check(got: Got) -> None:
        body = got.body("update_datagroup")
        assert list(body) == [field] and abs(body[field] - time.time()) < 60
        assert got.answer[field] == body[field] and got.answer[other] == 1767225600

    return check


def kept(field: str) -> Any:
    def check(got: Got) -> None:
        assert got.answer[field] == got.before[0][field] > 1767225600

    return check


def no_datagroup(got: Got) -> None:
    assert "list_datagroups" in got.answer["error"]


BUILD = {"model_name": "thelook", "view_name": "orders"}


def started(got: Got) -> None:
    assert got.answer["materialization_id"]
    assert got.sent("start_pdt_build")["query"] == "workspace=production"


def started_wholly(got: Got) -> None:
    query = got.sent("start_pdt_build")["query"]
    assert sorted(query.split("&")) == [
        "force_full_incremental=true",
        "force_rebuild=true",
        "source=nightly",
        "workspace=dev",
    ]


def complete(got: Got) -> None:
    assert got.answer["status"] == "complete" and got.answer["runtime"] == 12.5
    assert got.answer["materialization_id"] == "1" and "resp_text" not in got.answer


def running(got: Got) -> None:
    assert got.answer["status"] == "running" and got.answer["message"] == "Materialize orders"


def stopped(got: Got) -> None:
    assert got.answer["stopped"] is True and got.answer["status"] == "killed"
    assert got.answer["looker_said"]["success"] is True
    assert "source=nightly" in got.sent("stop_pdt_build")["query"]


def too_late(got: Got) -> None:
    assert got.answer["stopped"] is False and got.answer["status"] == "complete"
    assert got.answer["looker_said"]["success"] is False


def not_known(got: Got) -> None:
    assert got.answer["stopped"] is None and "check_pdt_build" in got.answer["note"]


def graph_of_view(got: Got) -> None:
    assert '"thelook.orders" -> "thelook.daily"' in got.answer["graph_text"]


def view_of_models(got: Got) -> None:
    assert '"analytics.sessions"' in got.answer["graph_text"]


def graph_of_model(got: Got) -> None:
    assert got.answer["graph_text"].startswith("digraph") and "color" not in got.answer["graph_text"]


def coloured(got: Got) -> None:
    assert "color=green" in got.answer["graph_text"]


def remedy(got: Got) -> None:
    assert "under Develop" in got.answer["error"]


def build_id(before: list[dict[str, Any]]) -> dict[str, Any]:
    return {"materialization_id": before[-1]["materialization_id"]}


RETURNS = ("switch_git_branch", {**SHOP, "branch_name": "feature/returns"})
WARNED = {**SHOP, "file_id": "views/users.view.lkml", "content": "view: users { deprecated_word }"}
SKIPPED = {**SHOP, "file_id": "models/thelook.model.lkml", "content": "not_validated"}
FILES_ANSWER_404 = [{"operation": "get_project_file_content", "status": 404, "body": REMOVED}]

CASES = [
    Case("list_projects", check=projects),
    Case("list_projects", {"limit": 1, "offset": 1}, second_project),
    Case("get_project", SHOP, one_project),
    Case("create_project", {"name": "fresh"}, created_in_dev),
    Case("update_project", {**SHOP, **FULL_UPDATE}, updated_wholly),
    Case("update_project", {**SHOP, "bare_repository": True}, bare),
    Case("update_project", {**SHOP, "allow_warnings": True}, one_setting_sent),
    Case("update_project", SHOP, fails=True),
    Case("update_project", {**SHOP, "bare_repository": True, "git_remote_url": "x"}, fails=True),
    Case("update_project", {**SHOP, "git_remote_url": "git@unreachable:x"}, fails=True),
    Case("delete_project", {"project_id": "big"}, project_deleted),
    Case("delete_project", {"project_id": "none"}, remedy, fails=True),
    Case("get_project_manifest", SHOP, manifest),
    Case("get_project_deploy_key", SHOP, same_key, before=[("create_project_deploy_key", SHOP)]),
    Case("get_project_deploy_key", SHOP, no_key_yet, fails=True),
    Case("create_project_deploy_key", SHOP, key_is_text),
    Case("create_project_deploy_key", SHOP, another_key, before=[("create_project_deploy_key", SHOP)]),
    Case("list_project_files", SHOP, dev_files),
    Case("list_project_files", SHOP, new_file_listed, before=[("create_file", {**NEW, "content": "x"})]),
    Case("list_project_files", {**SHOP, "dev_mode": False, "limit": 2, "offset": 1}, production_files),
    Case("get_file", ORDERS, orders_text),
    Case("get_file", {**ORDERS, "dev_mode": False, "offset": 6}, rest_of_production),
    Case("get_file", ORDERS, metadata_alone, rules=FILES_ANSWER_404),
    Case("get_file", {**SHOP, "file_id": "views/none.view.lkml"}, says_file_is_not_there, fails=True),
    Case("get_file", {**ORDERS, "offset": 10_000}, fails=True),
    Case("create_file", {**NEW, "content": "view: new {}"}, file_created),
    Case("get_file", NEW, reads_as_written("ü"), before=[("create_file", {**NEW, "content": "ü"})]),
    Case("get_file", {**NEW, "dev_mode": False}, fails=True, before=[("create_file", {**NEW, "content": "x"})]),
    Case("create_file", {**ORDERS, "content": "x"}, exists_already, fails=True),
    Case(
        "create_file",
        {**NEW, "content": "x"},
        route_missing,
        rules=[{"operation": "create_project_file", "status": 404, "body": REMOVED}],
        fails=True,
    ),
    Case("update_file", {**ORDERS, "content": "view: orders {}"}, file_updated),
    Case("get_file", ORDERS, reads_as_written(""), before=[("update_file", {**ORDERS, "content": ""})]),
    Case("update_file", {**NEW, "content": "x"}, not_there, fails=True),
    Case("delete_file", {**SHOP, "file_id": "README.md"}, file_deleted),
    Case(
        "list_project_files",
        {**SHOP, "dev_mode": False},
        gone_from_dev_only,
        before=[("delete_file", {**SHOP, "file_id": "README.md"})],
    ),
    Case("delete_file", NEW, not_there, fails=True),
    Case("list_directories", SHOP, directories),
    Case("list_directories", {**SHOP, "dev_mode": False, "limit": 1, "offset": 1}, one_directory),
    Case("list_directories", SHOP, directory_listed, before=[("create_directory", {**SHOP, "path": "views/shop"})]),
    Case("create_directory", {**SHOP, "path": "views/shop"}, directory_made),
    Case("delete_directory", {**SHOP, "path": "views"}, directory_deleted),
    Case("list_project_files", SHOP, no_views_left, before=[("delete_directory", {**SHOP, "path": "views"})]),
    Case("create_views_from_tables", {**SHOP, "tables": TABLES, "connection": "warehouse"}, one_view),
    Case(
        "create_views_from_tables",
        {
            **SHOP,
            "tables": [
                {
                    "schema": "public",
                    "table_name": "orders",
                    "primary_key": "id",
                    "base_view": True,
                    "columns": [{"column_name": "id"}],
                },
                {"schema": "public", "table_name": "users"},
            ],
            "connection": "warehouse",
            "folder_name": "base",
            "file_type_for_explores": "explore",
        },
        views_by_columns,
    ),
    Case(
        "create_views_from_tables",
        {**SHOP, "tables": [*TABLES, {"schema": "public"}], "connection": "warehouse"},
        bad_table,
        fails=True,
    ),
    Case(
        "create_views_from_tables",
        {**SHOP, "tables": TABLES, "connection": "warehouse"},
        overwritten,
        before=[("create_views_from_tables", {**SHOP, "tables": TABLES, "connection": "warehouse"})],
    ),
    Case("validate_project", SHOP, valid),
    Case(
        "validate_project",
        {**SHOP, "dev_mode": True, "limit": 1, "offset": 0},
        two_errors,
        before=[("update_file", WARNED), ("update_file", BROKEN)],
    ),
    Case("validate_project", SHOP, production_is_untouched, before=[("update_file", BROKEN)]),
    Case("validate_project", {**SHOP, "dev_mode": True}, not_validated, before=[("update_file", SKIPPED)]),
    Case("validate_project", {**SHOP, "dev_mode": True}, warnings_alone, before=[("update_file", WARNED)]),
    Case(
        "validate_project",
        SHOP,
        no_verdict,
        rules=[{"operation": "validate_project", "body": {"errors": None, "project_digest": "1"}}],
    ),
    Case("list_lookml_tests", SHOP, two_tests),
    Case(
        "list_lookml_tests",
        {**SHOP, "file_id": "tests/orders.test.lkml", "dev_mode": True, "limit": 1, "offset": 1},
        branch_tests,
        before=[RETURNS],
    ),
    Case("run_lookml_tests", SHOP, all_pass),
    Case(
        "run_lookml_tests",
        {**SHOP, "file_id": "tests/orders.test.lkml", "dev_mode": True, "timeout": 60.5, "limit": 10, "offset": 0},
        one_fails,
        before=[RETURNS],
    ),
    Case("run_lookml_tests", {**SHOP, "model": "thelook", "test": "revenue_is_known"}, one_test_run),
    Case("run_lookml_tests", {**SHOP, "test": "none"}, nothing_ran),
    Case("run_lookml_tests", {"project_id": "analytics"}, nothing_ran),
    Case(
        "run_lookml_tests",
        {**SHOP, "timeout": 1},
        too_slow,
        rules=[{"operation": "run_lookml_test", "delay_ms": 4000}],
        fails=True,
    ),
    Case("list_datagroups", check=datagroups),
    Case("list_datagroups", {"limit": 1, "offset": 1}, second_datagroup),
    Case("list_projects", check=without_it, before=[("delete_project", {"project_id": "big"})]),
    Case("get_datagroup", {"datagroup_id": "1"}, nightly),
    Case("get_datagroup", {"datagroup_id": "99"}, no_datagroup, fails=True),
    Case("reset_datagroup", {"datagroup_id": 1}, now_in("stale_before", "triggered_at")),
    Case("trigger_datagroup", {"datagroup_id": "1"}, now_in("triggered_at", "stale_before")),
    Case(
        "get_datagroup",
        {"datagroup_id": "1"},
        kept("stale_before"),
        before=[("reset_datagroup", {"datagroup_id": "1"})],
    ),
    Case("start_pdt_build", BUILD, started),
    Case(
        "start_pdt_build",
        {**BUILD, "force_rebuild": True, "force_full_incremental": True, "workspace": "dev", "source": "nightly"},
        started_wholly,
    ),
    Case("start_pdt_build", {**BUILD, "view_name": "none"}, fails=True),
    Case("check_pdt_build", {"materialization_id": "1"}, complete),
    Case("check_pdt_build", build_id, running, before=[("start_pdt_build", BUILD)]),
    Case("stop_pdt_build", {"materialization_id": "1"}, too_late),
    Case(
        "stop_pdt_build",
        lambda before: {**build_id(before), "source": "nightly"},
        stopped,
        before=[("start_pdt_build", BUILD)],
    ),
    Case(
        "stop_pdt_build",
        build_id,
        not_known,
        before=[("start_pdt_build", BUILD)],
        rules=[{"operation": "check_pdt_build", "status": 500, "body": {"message": "no"}}],
    ),
    Case("graph_derived_tables_for_view", {"view": "orders"}, graph_of_view),
    Case(
        "graph_derived_tables_for_view",
        {"view": "sessions", "models": "analytics", "workspace": "dev"},
        view_of_models,
    ),
    Case("graph_derived_tables_for_model", {"model": "thelook"}, graph_of_model),
    Case("graph_derived_tables_for_model", {"model": "thelook", "format": "dot", "color": True}, coloured),
]
