"""Queries, saved queries, Looks, dashboards, search."""

from urllib.parse import parse_qsl

from harness.cases import Case, Got

QUERY = {"model": "thelook", "view": "orders", "fields": ["orders.status", "orders.count"]}
EVERYTHING = {
    **QUERY,
    "fields": ["orders.created_month", "orders.status", "orders.count", "share"],
    "filters": {"orders.status": 'shipped,"a,b"', "orders.created_date": "90 days"},
    "filter_expression": '${orders.status} = "shipped"',
    "sorts": ["orders.count desc", "orders.created_month"],
    "limit": 12,
    "column_limit": 5,
    "pivots": ["orders.status"],
    "fill_fields": ["orders.created_month"],
    "total": True,
    "row_total": "right",
    "subtotals": ["orders.created_month"],
    "query_timezone": "Europe/Berlin",
    "dynamic_fields": '[{"table_calculation":"share","label":"Share","expression":"1"}]',
}


def rows(got: Got) -> None:
    assert got.items and set(got.items[0]) == set(QUERY["fields"])


def sent_everything(got: Got) -> None:
    body = got.body("run_inline_query")
    for name, value in EVERYTHING.items():
        assert str(body[name]) == str(value), name
    assert got.sent("run_inline_query")["workspace"] == "dev"


def linked_everything(got: Got) -> None:
    body = got.body("create_query")
    for name, value in EVERYTHING.items():
        assert str(body[name]) == str(value), name
    assert got.sent("create_query")["workspace"] == "dev"
    assert got.answer["share_url"].endswith(got.answer["slug"])


def in_dev(operation: str, **sent: str):
    """Everything went to the dev workspace, and the operation with these parameters."""

    def check(got: Got) -> None:
        assert {r["workspace"] for r in got.requests} == {"dev"}
        assert set(sent.items()) <= set(parse_qsl(got.sent(operation)["query"]))

    return check


def no_such_names(got: Got) -> None:
    """Nothing that costs was asked for."""
    assert got.operations == ["lookml_model_explore"]
    for part in ("orders.statuss", 'did you mean "orders.status"', "orders.nope", "validate: false"):
        assert part in got.answer["error"]


def no_such_explore(got: Got) -> None:
    assert 'did you mean "orders"' in got.answer["error"] and got.answer["status"] == 422


CASES = [
    Case("query", QUERY, rows),
    Case(
        "query",
        {
            **EVERYTHING,
            "result_format": "json_detail",
            "apply_formatting": True,
            "server_table_calcs": True,
            "cache": False,
            "share_url": True,
            "dev_mode": True,
        },
        sent_everything,
    ),
    Case(
        "query",
        {**QUERY, "fields": ["orders.statuss", "orders.count"], "sorts": ["orders.nope desc"]},
        no_such_names,
        fails=True,
    ),
    Case("query", {**QUERY, "view": "oders"}, no_such_explore, fails=True),
    Case(
        "query",
        {**QUERY, "fields": ["orders.statuss"], "validate": False},
        lambda got: got.answer["detail"].index("orders.statuss"),
        fails=True,
    ),
    # What the menu hides, what can only be filtered by, and the fields of joined views.
    Case(
        "query",
        {
            "model": "thelook",
            "view": "orders",
            "fields": ["orders.user_id", "users.state"],
            "filters": {"orders.date_range": "7 days", "orders.timeframe": "day", "users.age": ">20"},
        },
        lambda got: got.items[0],
    ),
    Case("query_sql", QUERY, lambda got: got.answer["sql"].upper().index("SELECT")),
    Case("query_sql", {**EVERYTHING, "validate": True, "dev_mode": True}, sent_everything),
    Case("query_sql", {**QUERY, "pivots": ["orders.statuss"]}, fails=True),
    Case("query_url", QUERY, lambda got: got.answer["share_url"].index("http")),
    Case("query_url", {**EVERYTHING, "validate": True, "dev_mode": True}, linked_everything),
    Case("query_url", {**QUERY, "filters": {"orders.statuss": "x"}}, fails=True),
    Case("run_query", {"query_id": "1"}, lambda got: got.items[0]["orders.status"]),
    Case(
        "run_query",
        {
            "query_id": "1",
            "result_format": "json",
            "limit": 3,
            "apply_formatting": True,
            "apply_vis": True,
            "server_table_calcs": True,
            "cache": False,
            "dev_mode": True,
        },
        in_dev("run_query", limit="3", cache="false", apply_vis="true", apply_formatting="true"),
    ),
    Case("run_look", {"look_id": "1"}, lambda got: got.answer["look"]["title"].index("Orders")),
    Case(
        "run_look",
        {
            "look_id": 1,
            "result_format": "csv",
            "limit": 3,
            "apply_formatting": True,
            "apply_vis": True,
            "cache": False,
            "dev_mode": True,
        },
        in_dev("run_look", limit="3", cache="false", apply_vis="true", apply_formatting="true"),
    ),
    Case("run_dashboard", {"dashboard_id": "2"}, lambda got: got.items[1]["items"][0]),
    Case(
        "run_dashboard",
        {"dashboard_id": "1", "filters": {"State": "Texas"}, "tiles": ["Users by State"], "limit": 3},
        lambda got: got.body("run_inline_query")["filters"]["users.state"].index("Texas"),
    ),
    Case("search_content", {"query_string": "orders"}, lambda got: got.items[0]["content_id"]),
    Case(
        "search_content",
        {"query_string": "orders", "types": ["look"], "limit": 5, "offset": 0, "include_hidden": True},
        lambda got: got.items[0]["type"].index("look"),
    ),
]
