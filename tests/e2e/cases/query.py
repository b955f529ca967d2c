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
    assert len(got.items) == 500 and got.answer["limit_reached"]
    assert all(set(row) == set(QUERY["fields"]) for row in got.items)
    assert isinstance(got.items[0]["orders.count"], int)


def column_that_fits(got: Got) -> None:
    assert got.answer["truncated"]["limit"] == 5000
    assert all(set(row) == {"orders.count"} for row in got.items)


def only(*values: str):
    """The filter's values, and no others, are in the rows."""

    def check(got: Got) -> None:
        assert {row["products.brand"] for row in got.items} == set(values)

    return check


def sql_of(got: Got) -> None:
    sql = got.answer["sql"]
    assert "FROM public.orders" in sql and "orders.status" in sql and "LIMIT 500" in sql


def saved_query(got: Got) -> None:
    assert got.answer["query"]["fields"] == QUERY["fields"] and got.answer["query"]["view"] == "orders"
    assert len(got.items) == 10 and set(got.items[0]) == set(QUERY["fields"])


def by_slug(before: list) -> dict:
    return {"query_id": before[0]["slug"]}


def the_linked_one(got: Got) -> None:
    assert got.answer["query"]["id"] == got.before[0]["query_id"] and len(got.items) == 4


def the_next_rows(got: Got) -> None:
    cut = got.before[0]
    assert cut["truncated"]["returned"] == got.answer["offset"] == len(cut["items"])
    assert not [row for row in got.items if row in cut["items"]]
    assert got.answer["truncated"]["total"] == 500


def no_links(got: Got) -> None:
    assert "streamable-http" in got.answer["error"] and "cursor" in got.answer["error"]


def look(got: Got) -> None:
    look = got.answer["look"]
    assert (look["id"], look["title"], look["folder"]["name"]) == ("1", "Orders by Status", "Sales")
    assert len(got.items) == 10


def every_kind(got: Got) -> None:
    tiles = {tile["title"]: tile for tile in got.items}
    assert got.answer["filters"] == [{"name": "State", "value": "California", "source": "default"}]
    assert {tile["kind"] for tile in got.items} == {"query", "look", "text", "merged", "sql"}
    assert {row["users.state"] for row in tiles["Users by State"]["items"]} == {"California"}
    assert [member["count"] for member in tiles["Merged"]["members"]] == [10, 20]
    assert tiles["About"]["text"] == "Numbers are made up."
    assert tiles["From SQL Runner"]["items"][0]["products.id"]
    assert got.answer["failed"] == 1 and tiles["Fails"]["detail"]


def one_tile(got: Got) -> None:
    (tile,) = got.items
    assert {row["users.state"] for row in tile["items"]} == {"Texas"} and len(tile["items"]) == 3
    assert got.body("create_query")["filters"]["users.state"] == "Texas"
    assert got.answer["filters"][0]["source"] == "argument"


def lookml_dashboard(got: Got) -> None:
    assert got.answer["dashboard"]["title"] == "Overview (LookML)" and got.items[0]["count"] == 10


def found_look(got: Got) -> None:
    assert [(c["type"], c["content_id"]) for c in got.items] == [("look", "1")]
    assert "types=look" in got.sent("search_content")["query"]


def wrote_everything(got: Got) -> None:
    body = got.body("run_inline_query")
    for name, value in EVERYTHING.items():
        assert str(body[name]) == str(value), name
    assert got.sent("run_inline_query")["workspace"] == "dev"


def sent_everything(got: Got) -> None:
    linked_everything(got)
    asked = dict(parse_qsl(got.sent("create_query_task")["query"]))
    assert asked == {
        "apply_formatting": "true",
        "cache": "false",
        "fields": "id,status",
        "server_table_calcs": "true",
    }
    task = got.body("create_query_task")
    assert task == {"query_id": got.answer["query_id"], "result_format": "json_detail"}


def handle(got: Got) -> None:
    assert got.answer["query_task_id"] and got.answer["status"] == "added"
    assert got.operations[-2:] == ["create_query", "create_query_task"], "and nobody waits for it"


def redeemed(before: list) -> dict:
    return {"query_task_id": before[0]["query_task_id"]}


def ended_as_sql(got: Got) -> None:
    assert "LIMIT 10" in got.answer["text"] and len(got.operations) == 2


def linked_everything(got: Got) -> None:
    body = got.body("create_query")
    for name, value in EVERYTHING.items():
        assert str(body[name]) == str(value), name
    assert got.sent("create_query")["workspace"] == "dev"
    assert got.answer["share_url"]


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
            "max_bytes": 50000,
            "max_wait_seconds": 60,
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
    # A comma and quotes in a value, meant as they stand.
    Case(
        "query",
        {
            "model": "thelook",
            "view": "products",
            "fields": ["products.brand", "products.count"],
            "filters": {"products.brand": '"Comma, Inc.",Levi\'s', "products.department": "Women"},
            "limit": 50,
        },
        only("Comma, Inc.", "Levi's"),
    ),
    Case("query_sql", QUERY, sql_of),
    Case("query_sql", {**EVERYTHING, "validate": True, "dev_mode": True}, wrote_everything),
    Case("query_sql", {**QUERY, "pivots": ["orders.statuss"]}, fails=True),
    Case("query_url", QUERY, lambda got: got.answer["share_url"].index("http")),
    Case("query_url", {**EVERYTHING, "validate": True, "dev_mode": True}, linked_everything),
    Case("query_url", {**QUERY, "filters": {"orders.statuss": "x"}}, fails=True),
    Case("run_query", {}, fails=True),
    Case("run_query", {"query_id": "1"}, saved_query),
    Case(
        "run_query",
        lambda before: {"cursor": before[0]["cursor"]},
        the_next_rows,
        before=[("query", {**QUERY, "max_bytes": 2000})],
    ),
    Case("run_query", by_slug, the_linked_one, before=[("query_url", {**QUERY, "limit": 4})]),
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
            "fields": ["orders.count"],
            "max_bytes": 5000,
            "max_wait_seconds": 20,
        },
        in_dev("create_query_task", limit="3", cache="false", apply_vis="true", apply_formatting="true"),
    ),
    # Over stdio there is nothing to download.
    Case("run_query", {"query_id": "1", "export": "csv"}, no_links, fails=True),
    Case("run_look", {"look_id": "1", "export": "jsonl", "limit": 5}, no_links, fails=True),
    Case("run_look", {"look_id": "1"}, look),
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
            "max_bytes": 5000,
            "max_wait_seconds": 20,
        },
        in_dev("create_query_task", limit="3", cache="false", apply_vis="true", apply_formatting="true"),
    ),
    Case(
        "run_look",
        {"look_id": "1", "fields": ["orders.count"]},
        lambda got: [set(row) for row in got.items] == [{"orders.count"}] * 10 or got.items[99],
    ),
    # What runs nothing is one request.
    Case("run_query", {"query_id": "1", "result_format": "sql"}, ended_as_sql),
    Case("run_look", {"look_id": "1", "result_format": "sql"}, ended_as_sql),
    Case("query", {**QUERY, "max_wait_seconds": 0}, handle),
    Case("get_query_result", redeemed, rows, before=[("query", {**QUERY, "max_wait_seconds": 0})]),
    Case(
        "get_query_result",
        lambda before: {**redeemed(before), "max_wait_seconds": 5, "act_as_user": "2"},
        rows,
        before=[("query", {**QUERY, "max_wait_seconds": 0, "act_as_user": "2"})],
    ),
    Case(
        "get_query_result",
        lambda before: {**redeemed(before), "fields": ["orders.count"], "max_bytes": 5000},
        column_that_fits,
        before=[("query", {**QUERY, "max_wait_seconds": 0})],
    ),
    # It is another user's.
    Case(
        "get_query_result",
        redeemed,
        fails=True,
        before=[("query", {**QUERY, "max_wait_seconds": 0, "act_as_user": "2"})],
    ),
    # Its failing tile is a query that ended badly, which Looker says with a 400.
    Case("run_dashboard", {"dashboard_id": "1"}, every_kind, missing=("query_task_results",)),
    Case(
        "run_dashboard",
        {"dashboard_id": "1", "filters": {"State": "Texas"}, "tiles": ["Users by State"], "limit": 3},
        one_tile,
    ),
    Case("run_dashboard", {"dashboard_id": "thelook::overview"}, lookml_dashboard),
    Case("search_content", {"query_string": "orders"}, lambda got: got.items[0]["content_id"]),
    Case(
        "search_content",
        {"query_string": "orders", "types": ["look"], "limit": 5, "offset": 0, "include_hidden": True},
        found_look,
    ),
]
