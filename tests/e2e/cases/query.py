"""Queries, saved queries, Looks, dashboards, search."""

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
        },
        sent_everything,
    ),
    Case("query_sql", QUERY, lambda got: got.answer["sql"].upper().index("SELECT")),
    Case("query_sql", EVERYTHING, sent_everything),
    Case("query_url", QUERY, lambda got: got.answer["share_url"].index("http")),
    Case("query_url", EVERYTHING),
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
        },
        lambda got: got.items[2],
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
        },
        lambda got: got.answer["text"].index("\n"),
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
