"""Every operation of Looker's API, the overlay's included, once through call_operation with what it
requires and once with everything that it takes: the sandbox refuses none, and answers each as its
description says. And: what may not be called, is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import operations
from harness.mcp import StdioServer, answer_text, settings_for
from harness.sandbox import Sandbox

API = operations.load()

# What the form of an operation does not tell: which things the sandbox has, and what its values mean.
FILE = {"file_path": "views/orders.view.lkml"}
VIEWS = {"connection": "warehouse", "file_type_for_explores": "none", "body": {"tables": [{"schema": "public", "table_name": "orders"}]}}
PLAN = {
    "name": "weekly",
    "look_id": "1",
    "crontab": "0 6 * * 1",
    "scheduled_plan_destination": [{"format": "csv", "type": "email", "address": "ada@example.com"}],
}
QUERY = {"model": "thelook", "view": "orders", "fields": ["orders.count"]}
WAREHOUSE = {"database": "shop", "schema_name": "public", "table_name": "orders"}
TASK_OF_A_LOOK = ("create_look_render_task", "render_task_id")
SPECIAL: dict[str, dict[str, Any]] = {
    "add_group_group": {"group_id": "3", "body": {"group_id": "4"}},
    "add_group_user": {"group_id": "2", "body": {"user_id": "3"}},
    "connection_columns": WAREHOUSE,
    "connection_schemas": WAREHOUSE,
    "connection_tables": WAREHOUSE,
    "create_board_item": {"members": {"board_section_id": "1", "look_id": "1"}},
    "create_board_section": {"members": {"board_id": "1"}},
    "create_dashboard": {"members": {"title": "New", "folder_id": "2"}},
    "create_dashboard_element": {"members": {"dashboard_id": "1", "merge_result_id": "merge1"}},
    "create_dashboard_element_render_task": {"result_format": "png"},
    "create_dashboard_render_task": {
        "result_format": "pdf",
        "pdf_paper_size": "a4",
        "body": {"dashboard_style": "tiled", "dashboard_filters": "State=open"},
    },
    "create_embed_url_as_me": {"members": {"target_url": "https://x.example/embed/dashboards/1"}},
    "create_git_branch": {"body": {"name": "a-branch", "ref": "main"}},
    "create_look": {"members": {"title": "New", "folder_id": "2", "query_id": "1"}},
    "create_look_render_task": {"result_format": "png"},
    "create_project": {"body": {"name": "shop"}},
    "create_query": {"body": QUERY},
    "create_query_render_task": {"result_format": "png"},
    "create_role": {"body": {"name": "Reader", "permission_set_id": "3", "model_set_id": "1"}},
    "create_scheduled_plan": {"body": PLAN},
    "create_sso_embed_url": {
        "members": {"target_url": "https://x.example/dashboards/1", "external_user_id": "u1", "group_ids": ["1"]}
    },
    "create_user_credentials_email": {"body": {"email": "new@example.com"}},
    "delete_folder": {"folder_id": "2"},
    "delete_git_branch": {"branch_name": "hotfix"},
    "delete_group": {"group_id": "2"},
    "delete_group_from_group": {"group_id": "2", "deleting_group_id": "3"},
    "delete_project_directory": {"path": "tests"},
    "delete_project_file": FILE,
    "delete_user": {"user_id": "2"},
    "delete_user_attribute_group_value": {"group_id": "2"},
    "delete_user_attribute_user_value": {"user_id": "2", "user_attribute_id": "1"},
    "delete_repository_credential": {"root_project_id": "thelook"},
    "deploy_ref_to_production": {"branch": "main", "ref": None},
    "find_git_branch": {"branch_name": "main"},
    "generate_project_views": VIEWS,
    "get_all_repository_credentials": {"root_project_id": "thelook"},
    "get_project_file_content": FILE,
    "graph_derived_tables_for_model": {"format": "dot"},
    "graph_derived_tables_for_view": {"workspace": "production"},
    "import_lookml_dashboard": {"space_id": "2"},
    "kill_query": {"query_task_id": "running-long"},
    "model_fieldname_suggestions": {"field_name": "orders.status", "filters": {"orders.status": "open"}},
    "project_file": {"file_id": "views/orders.view.lkml"},
    "run_git_connection_test": {"test_id": "git_connect_test"},
    "run_inline_query": {"body": QUERY},
    "run_inline_query_attributed": {"body": {"query": QUERY, "render_options": {"format": "json"}}},
    "set_user_attribute_group_values": {"body": [{"group_id": "2", "value": "x"}]},
    "start_pdt_build": {"workspace": "dev"},
    "update_dashboard_element": {"members": {"merge_result_id": "merge1"}},
    "update_folder": {"folder_id": "2", "members": {"name": "New"}},
    "update_git_branch": {"body": {"name": "hotfix"}},
    "update_repository_credential": {"root_project_id": "thelook"},
    "update_project_file": {"body": {"path": "views/orders.view.lkml", "content": "view: orders {}"}},
    "update_scheduled_plan": {"body": {"name": "weekly"}},
    "update_user_attribute": {"body": {"name": "department", "label": "Department", "type": "string"}},
    "update_user_credentials_email": {"body": {"email": "new@example.com"}},
    "user_for_credential": {"credential_type": "api3"},
    "wipeout_user_emails": {"user_id": "2", "body": {"email": "ada@example.com"}},
}
# Things that have to be made first: the operation that makes one, and the parameter that takes its id.
MADE: dict[str, tuple[str, str]] = {
    "add_group_group": ("create_group", ""),
    "create_user_credentials_email": ("create_user", "user_id"),
    "create_user_credentials_totp": ("create_user", "user_id"),
    "delete_user_attribute_group_value": ("set_user_attribute_group_values", ""),
    "git_deploy_key": ("create_git_deploy_key", ""),
    "merge_query": ("create_merge_query", "merge_query_id"),
    "query_task": ("create_query_task", "query_task_id"),
    "query_task_results": ("create_query_task", "query_task_id"),
    "render_task": TASK_OF_A_LOOK,
    "render_task_results": TASK_OF_A_LOOK,
    "run_sql_query": ("create_sql_query", "slug"),
    "sql_query": ("create_sql_query", "slug"),
}


@pytest.fixture(scope="module")
def shared_server(shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StdioServer]:
    settings = settings_for(shared_sandbox, API_ALLOW_WRITES="true")
    server = StdioServer(tmp_path_factory.mktemp("whole_api"), settings, "--groups", "api").handshake()
    yield server
    server.close()


def call(server: StdioServer, name: str, full: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    calls = operations.Calls(API, SPECIAL)
    arguments = calls.call(API.operations[name], full)
    if name in MADE:
        maker, parameter = MADE[name]
        made = server.answer("call_operation", calls.call(API.operations[maker], False))
        if parameter:
            arguments["arguments"][parameter] = made["answer"]["slug" if parameter == "slug" else "id"]
    result = server.call("call_operation", arguments)
    return result, json.loads(answer_text(result))


@pytest.mark.parametrize("full", [False, True], ids=["required", "everything"])
@pytest.mark.parametrize("name", sorted(n for n, op in API.operations.items() if not op.of_session))
def test_operation(shared_server: StdioServer, looker: Sandbox, name: str, full: bool) -> None:
    op = API.operations[name]
    result, answer = call(shared_server, name, full)
    if answer.get("status") == 404 and op.origin == "unverified":
        assert op.remedy in answer["error"], "a route that nobody has confirmed may not be there"
        return
    assert not result.get("isError"), answer
    assert answer["operation"] == name and answer["status"] in op.answers
    sent = [r for r in looker.requests() if r["operation"] == name and r["status"] != 401]
    assert sent and sent[-1]["status"] == answer["status"]


def changes_something(name: str) -> bool:
    """By the method alone; POSTs that only compute are written out here, apart from the overlay."""
    only_compute = {
        "connection_cost_estimate",
        "parse_saml_idp_metadata",
        "run_inline_query",
        "run_inline_query_attributed",
        "run_key_driver_analysis",
        "validate_project",
        "validate_theme",
    }
    act = {"start_pdt_build", "stop_pdt_build", "run_lookml_test", "run_git_connection_test"}
    return name in act or (API.operations[name].method != "GET" and name not in only_compute)


def test_nothing_is_changed_without_leave(stdio: Any, looker: Sandbox) -> None:
    server = stdio("--groups", "api")
    calls = operations.Calls(API, SPECIAL)
    for name, op in sorted(API.operations.items()):
        answer = json.loads(answer_text(server.call("call_operation", calls.call(op, False))))
        refused = "LOOKER_API_ALLOW_WRITES=true" in answer.get("error", "")
        assert refused == (changes_something(name) and not op.of_session), f"{name}: {answer}"
    sent = {r["operation"] for r in looker.requests()} - {"login", "update_session"}
    assert not [name for name in sent if changes_something(name)]


@pytest.mark.parametrize("name", ["login", "login_user", "logout", "update_session"])
def test_the_session_is_left_alone(shared_server: StdioServer, looker: Sandbox, name: str) -> None:
    calls = operations.Calls(API)
    for full in (False, True):
        failure = shared_server.failure("call_operation", calls.call(API.operations[name], full))
        assert "never" in failure["error"]
    assert looker.requests() == []
