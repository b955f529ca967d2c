"""Each of the tools, used as it is meant to be, against the sandbox's data; and what reaches Looker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.sandbox import Sandbox

ORDERS = {"model": "thelook", "view": "orders"}
QUERY = {**ORDERS, "fields": ["orders.status", "orders.count"]}


@pytest.fixture
def server(stdio: Any) -> Any:
    return stdio()


def check_list(answer: dict[str, Any]) -> list[Any]:
    assert answer["count"] == len(answer["items"])
    return answer["items"]


# ---- explore ----


def test_list_models(server: Any) -> None:
    models = {model["name"]: model for model in check_list(server.answer("list_models"))}
    assert "thelook" in models
    explores = {explore["name"] for explore in models["thelook"]["explores"]}
    assert {"orders", "order_items", "users"} <= explores
    assert "audit" not in explores, "hidden"


def test_list_models_with_search_and_pages(server: Any) -> None:
    everything = server.answer("list_models")
    first = server.answer("list_models", {"limit": 1})
    assert first["count"] == 1 and first["next_offset"] == 1
    second = server.answer("list_models", {"limit": 1, "offset": first["next_offset"]})
    assert [*first["items"], *second["items"]] == everything["items"][:2]
    found = server.answer("list_models", {"search": "order items"})
    assert [e["name"] for m in found["items"] for e in m["explores"]] == ["order_items"]


def test_get_model(server: Any) -> None:
    model = server.answer("get_model", {"model_name": "thelook"})
    assert model["name"] == "thelook"
    shown = {explore["name"] for explore in check_list(model["explores"])}
    hidden = server.answer("get_model", {"model_name": "thelook", "include_hidden": True})
    assert shown < {explore["name"] for explore in hidden["explores"]["items"]}


def test_get_explore(server: Any) -> None:
    arguments = {"model_name": "thelook", "explore_name": "orders"}
    explore = server.answer("get_explore", arguments)
    for kind in ("dimensions", "measures"):
        names = {field["name"] for field in check_list(explore["fields"][kind])}
        assert names
        assert not names & {"orders.internal_note", "orders.internal_cost"}, "hidden"


@pytest.mark.parametrize(
    ("tool", "some", "hidden"),
    [
        ("list_dimensions", "orders.status", "orders.internal_note"),
        ("list_measures", "orders.count", "orders.internal_cost"),
    ],
)
def test_list_fields(server: Any, tool: str, some: str, hidden: str) -> None:
    arguments = {"model_name": "thelook", "explore_name": "orders"}
    names = {field["name"] for field in check_list(server.answer(tool, arguments))}
    assert some in names and hidden not in names
    everything = server.answer(tool, {**arguments, "include_hidden": True})
    assert hidden in {field["name"] for field in everything["items"]}


def test_list_connections(server: Any) -> None:
    connections = check_list(server.answer("list_connections"))
    assert all(connection["name"] for connection in connections)
    assert "password" not in json.dumps(connections)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_model", {"model_name": "nope"}),
        ("get_explore", {"model_name": "thelook", "explore_name": "nope"}),
        ("list_dimensions", {"model_name": "nope", "explore_name": "orders"}),
        ("list_databases", {"connection_name": "nope"}),
        ("run_look", {"look_id": "99999"}),
        ("run_query", {"query_id": "99999"}),
        ("run_dashboard", {"dashboard_id": "99999"}),
    ],
)
def test_what_is_not_there_is_a_404(server: Any, tool: str, arguments: dict[str, Any]) -> None:
    failure = server.failure(tool, arguments)
    assert failure["status"] == 404


def test_names_are_encoded_in_paths(server: Any, looker: Sandbox) -> None:
    for name in ("a/b", "a b", "ü", "..%2f", "?x=1", "#x"):
        assert server.failure("get_model", {"model_name": name})["status"] == 404
    paths = [request["path"] for request in looker.requests("lookml_model")]
    assert paths[0].endswith("/lookml_models/a%2Fb") and len(paths) == 6
    for name in ("..", "."):
        assert "model_name" in server.failure("get_model", {"model_name": name})["error"]
    assert len(looker.requests("lookml_model")) == 6


# ---- query ----


def test_query_returns_rows(server: Any) -> None:
    rows = check_list(server.answer("query", {**QUERY, "limit": 7}))
    assert len(rows) == 7
    assert set(rows[0]) == {"orders.status", "orders.count"}
    assert isinstance(rows[0]["orders.count"], int)


def test_query_sends_what_was_asked(server: Any, looker: Sandbox) -> None:
    arguments = {
        **ORDERS,
        "fields": ["orders.created_month", "orders.status", "orders.count"],
        "filters": {"orders.status": 'shipped,"a,b"', "orders.created_date": "90 days"},
        "filter_expression": '${orders.status} = "shipped"',
        "sorts": ["orders.count desc"],
        "limit": 12,
        "column_limit": 5,
        "pivots": ["orders.status"],
        "fill_fields": ["orders.created_month"],
        "total": True,
        "row_total": "right",
        "subtotals": ["orders.created_month"],
        "query_timezone": "Europe/Berlin",
    }
    server.call("query", arguments)
    (request,) = (r for r in looker.requests() if r["operation"] in ("run_inline_query", "create_query"))
    body = json.loads(request["body"])
    for name, value in arguments.items():
        sent = body[name]
        assert str(sent) == str(value) if name in ("limit", "column_limit") else sent == value, name


def test_query_stops_at_the_byte_limit_and_says_so(server: Any) -> None:
    answer = server.answer("query", {**QUERY, "limit": 5000})
    assert answer["count"] == len(answer["items"]) < 5000
    assert answer["truncated"]


def test_query_lowers_the_limit_to_the_maximum(stdio: Any) -> None:
    answer = stdio("--max-rows", "10").answer("query", {**QUERY, "limit": 100})
    assert answer["count"] == 10
    assert answer["limit_applied"] == 10


@pytest.mark.parametrize("result_format", ["json", "json_detail", "csv", "txt", "md", "html"])
def test_query_formats(server: Any, result_format: str) -> None:
    answer = server.answer("query", {**QUERY, "limit": 3, "result_format": result_format})
    if result_format.startswith("json"):
        assert len(check_list(answer)) == 3
    else:
        assert answer["format"] == result_format and "shipped" in answer["text"].lower() or answer["text"]


def test_query_of_a_broken_field_is_an_error(server: Any) -> None:
    failure = server.failure("query", {**ORDERS, "fields": ["orders.broken"]})
    assert failure["error"]


def test_query_of_an_unknown_field_is_an_error(server: Any) -> None:
    assert server.failure("query", {**ORDERS, "fields": ["orders.nope"]})["error"]


def test_query_sql(server: Any) -> None:
    assert "SELECT" in server.answer("query_sql", QUERY)["sql"].upper()


def test_query_url_and_back(server: Any) -> None:
    made = server.answer("query_url", {**QUERY, "limit": 4})
    assert made["share_url"].startswith("http")
    for key in (made["query_id"], made["slug"]):
        answer = server.answer("run_query", {"query_id": str(key)})
        assert answer["query"]["model"] == "thelook"
        assert len(check_list(answer)) == 4


def test_run_look(server: Any) -> None:
    answer = server.answer("run_look", {"look_id": "1", "limit": 5})
    assert answer["look"]["title"] == "Orders by Status"
    assert len(check_list(answer)) == 5


def test_run_dashboard(server: Any) -> None:
    answer = server.answer("run_dashboard", {"dashboard_id": "1", "limit": 5})
    assert answer["dashboard"]["title"] == "Business Pulse"
    tiles = {tile["title"]: tile for tile in check_list(answer) if tile.get("title")}
    assert tiles["Fails"]["error"] and answer["failed"] >= 1
    assert len(tiles["Orders by Status"]["items"]) == 5
    assert len(tiles["Revenue by Month"]["items"]) == 5


def test_run_dashboard_by_slug_with_filters(server: Any, looker: Sandbox) -> None:
    arguments = {"dashboard_id": "pulse", "filters": {"State": "Texas"}, "tiles": ["Users by State"]}
    answer = server.answer("run_dashboard", arguments)
    assert answer["count"] == 1
    sent = [json.loads(r["body"]) for r in looker.requests() if r["operation"] == "create_query"]
    assert [body["filters"]["users.state"] for body in sent] == ["Texas"]


def test_search_content(server: Any) -> None:
    found = check_list(server.answer("search_content", {"query_string": "orders"}))
    assert any(item["title"] == "Orders by Status" for item in found)
    looks = server.answer("search_content", {"query_string": "orders", "types": ["look"]})
    assert {item["type"] for item in looks["items"]} == {"look"}


# ---- schema, identity ----


def test_down_to_the_columns(server: Any) -> None:
    connection = server.answer("list_connections")["items"][0]["name"]
    base = {"connection_name": connection}
    assert check_list(server.answer("list_databases", base)) is not None
    schemas = check_list(server.answer("list_schemas", base))
    assert schemas
    base["schema_name"] = schemas[0]["name"]
    tables = check_list(server.answer("list_tables", base))
    assert tables
    columns = server.answer("list_columns", {**base, "table_name": tables[0]["name"]})
    assert check_list(columns)[0]["columns"][0]["name"]


def test_whoami(server: Any) -> None:
    me = server.answer("whoami")
    assert me["id"] == "1" and me["display_name"] == "Sandbox Service"
