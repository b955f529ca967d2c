"""Models, explores, fields, connections."""

from harness.cases import Case, Got

ORDERS = {"model_name": "thelook", "explore_name": "orders"}


def names(got: Got) -> set[str]:
    return {item["name"] for item in got.items}


def has(*wanted: str):
    def check(got: Got) -> None:
        assert set(wanted) <= names(got)

    return check


def one_model(got: Got) -> None:
    assert got.answer["name"] == "thelook"


def whole_explore(got: Got) -> None:
    found = {f["name"] for f in got.answer["fields"]["dimensions"]["items"]}
    assert "orders.status" in found and "orders.internal_note" not in found


FIELD_ARGS = {"include_hidden": True, "view": "orders", "include_sql": True, "limit": 50, "offset": 0}

CASES = [
    Case("list_models", {}, has("thelook")),
    Case(
        "list_models",
        {"search": "orders", "include_hidden": True, "include_explores": False, "limit": 3, "offset": 0},
        has("thelook"),
    ),
    Case("get_model", {"model_name": "thelook"}, one_model),
    Case(
        "get_model",
        {"model_name": "thelook", "include_hidden": True, "search": "order", "limit": 3, "offset": 0},
        one_model,
    ),
    Case("get_explore", ORDERS, whole_explore),
    Case("get_explore", {**ORDERS, "include_hidden": True, "include_fields": False}),
    Case("list_dimensions", ORDERS, has("orders.status")),
    Case("list_dimensions", {**ORDERS, **FIELD_ARGS, "search": "status"}, has("orders.status")),
    Case("list_measures", ORDERS, has("orders.count")),
    Case("list_measures", {**ORDERS, **FIELD_ARGS, "search": "count"}, has("orders.count")),
    Case("list_connections", {}, has("warehouse")),
    Case("list_connections", {"limit": 1, "offset": 1}, lambda got: got.items[0]),
]
