"""Models, explores, fields, connections."""

import json
from urllib.parse import parse_qsl

from harness.cases import Case, Got

ORDERS = {"model_name": "thelook", "explore_name": "orders"}


def names(got: Got) -> set[str]:
    return {item["name"] for item in got.items}


def has(*wanted: str):
    def check(got: Got) -> None:
        assert set(wanted) <= names(got)

    return check


def all_models(got: Got) -> None:
    models = {model["name"]: [e["name"] for e in model["explores"]] for model in got.items}
    assert "orders" in models["thelook"] and "audit" not in models["thelook"] and "explore_662" in models["big"]


def models_alone(got: Got) -> None:
    assert got.items == [{"name": "thelook", "label": "The Look", "project_name": "thelook"}]
    assert "exclude_hidden=false" in got.sent("all_lookml_models")["query"]


def one_model(got: Got) -> None:
    assert got.answer["allowed_db_connection_names"] == ["warehouse"]
    names = [e["name"] for e in got.answer["explores"]["items"]]
    assert "orders" in names and "audit" not in names


def second_match(got: Got) -> None:
    explores = got.answer["explores"]
    assert (explores["count"], explores["total"]) == (1, 2)
    assert explores["items"][0]["description"].startswith("What was sold")


def whole_explore(got: Got) -> None:
    fields = {kind: part["items"] for kind, part in got.answer["fields"].items()}
    found = {f["name"]: f for f in fields["dimensions"]}
    assert found["orders.status"]["type"] == "string" and "orders.internal_note" not in found
    assert found["orders.status"]["description"] == "Where the order stands"
    assert "orders.count" in [f["name"] for f in fields["measures"]]
    assert [j["name"] for j in got.answer["joins"]] == ["users"]


def explore_without_fields(got: Got) -> None:
    assert got.answer["connection_name"] == "warehouse" and "fields" not in got.answer
    assert "dimensions" not in got.sent("lookml_model_explore")["query"]


def nearest(name: str):
    def check(got: Got) -> None:
        assert got.answer["status"] == 404 and f'did you mean "{name}"' in got.answer["error"]

    return check


def turnover(got: Got) -> None:
    """Found by a synonym."""
    (measure,) = got.items
    assert measure["name"] == "order_items.total_sale_price" and measure["type"] == "sum"
    assert measure["value_format_name"] == "usd" and measure["tags"] == ["kpi"]


def second_connection(got: Got) -> None:
    assert [(c["name"], c["dialect_name"]) for c in got.items] == [("lake", "bigquery_standard_sql")]
    assert got.answer["total"] == 3 and "password" not in json.dumps(got.answer)


FIELD_ARGS = {
    "include_hidden": True,
    "view": "orders",
    "fields": ["name", "type", "sql", "tags", "synonyms"],
    "limit": 50,
    "offset": 0,
}
WIDE = {"model_name": "big", "explore_name": "wide"}
VALUES = {**ORDERS, "field_name": "orders.status"}


def one_field(got: Got) -> None:
    """Of the members only those that were chosen and say something."""
    assert got.items == [
        {
            "name": "orders.status",
            "type": "string",
            "sql": "${TABLE}.status",
            "tags": ["important"],
            "synonyms": ["state", "order state"],
        }
    ]


def short_names(got: Got) -> None:
    assert len(got.items) == 500 and len(got.result["content"][0]["text"]) < 20_000
    assert got.answer["next_offset"] == 500 and got.answer["total"] > 1_500


def whole_page(got: Got) -> None:
    """Of 3,000 fields with descriptions, as many as go into an answer, and how to go on."""
    assert 90_000 < len(got.result["content"][0]["text"]) < 101_000
    assert got.answer["next_offset"] == got.answer["count"]


def filters_of_products(got: Got) -> None:
    assert got.answer["always_filter"] == [{"name": "products.department", "value": "Women"}]


def filters_of_items(got: Got) -> None:
    assert got.answer["conditionally_filter"][0]["name"] == "order_items.returned_date"
    kinds = {kind: [f["name"] for f in got.answer["fields"][kind]["items"]] for kind in ("filters", "parameters")}
    assert kinds == {"filters": ["orders.date_range"], "parameters": ["orders.timeframe"]}


def said(part: str):
    def check(got: Got) -> None:
        assert got.answer["count"] == 0 and part in got.answer["hint"]

    return check


def filtered_values(got: Got) -> None:
    sent = dict(parse_qsl(got.sent("model_fieldname_suggestions")["query"]))
    assert json.loads(sent["filters"]) == {"users.country": 'UK,"a, b"'} and sent["term"] == "p"
    assert (got.items, got.answer["total"], got.answer["next_offset"]) == (["shipped"], 3, 2)

CASES = [
    Case("list_models", {}, all_models),
    Case(
        "list_models",
        {"search": "orders", "include_hidden": True, "include_explores": False, "limit": 3, "offset": 0},
        models_alone,
    ),
    Case("get_model", {"model_name": "thelook"}, one_model),
    Case(
        "get_model",
        {"model_name": "thelook", "include_hidden": True, "search": "order", "limit": 3, "offset": 1},
        second_match,
    ),
    Case("get_model", {"model_name": "thelok"}, nearest("thelook"), fails=True),
    Case("get_explore", ORDERS, whole_explore),
    Case("get_explore", {**ORDERS, "include_hidden": True, "include_fields": False}, explore_without_fields),
    Case("get_explore", {**ORDERS, "explore_name": "oder_items"}, nearest("order_items"), fails=True),
    Case("get_explore", {**ORDERS, "model_name": "thelok"}, nearest("thelook"), fails=True),
    Case("list_dimensions", ORDERS, has("orders.status")),
    Case(
        "list_dimensions", {**ORDERS, **FIELD_ARGS, "search": "stands order", "kind": "dimension"}, one_field
    ),
    Case("list_dimensions", {**ORDERS, "kind": "filter"}, has("orders.date_range")),
    Case(
        "list_dimensions",
        {**ORDERS, "kind": "parameter"},
        lambda got: got.items[0]["enumerations"].index({"label": "day", "value": "day"}),
    ),
    Case("list_dimensions", {**WIDE, "fields": ["name"], "limit": 500}, short_names),
    Case("list_dimensions", {**WIDE, "limit": 2000}, whole_page),
    Case("list_dimensions", {**ORDERS, "fields": ["colour"]}, lambda got: got.answer["error"].index("colour"), fails=True),
    Case("list_measures", ORDERS, has("orders.count")),
    Case(
        "list_measures",
        {**ORDERS, **FIELD_ARGS, "search": "not everyone"},
        lambda got: got.items.index({"name": "orders.internal_cost", "type": "sum", "sql": "${TABLE}.internal_cost"}),
    ),
    Case("list_measures", {"model_name": "thelook", "explore_name": "order_items", "search": "turnover"}, turnover),
    Case("get_explore", {"model_name": "thelook", "explore_name": "products"}, filters_of_products),
    Case("get_explore", {"model_name": "thelook", "explore_name": "order_items"}, filters_of_items),
    Case(
        "suggest_field_values",
        VALUES,
        lambda got: got.items.index("cancelled") and got.answer["hit_limit"] is False,
    ),
    Case(
        "suggest_field_values",
        {**VALUES, "term": "p", "filters": {"users.country": 'UK,"a, b"'}, "limit": 1, "offset": 1},
        filtered_values,
    ),
    Case("suggest_field_values", {**ORDERS, "field_name": "orders.timeframe"}, lambda got: got.items.index("week")),
    Case("suggest_field_values", {**ORDERS, "field_name": "users.email"}, lambda got: got.answer["hit_limit"] or 1 / 0),
    Case("suggest_field_values", {**ORDERS, "field_name": "users.age"}, said("suggestable is false")),
    Case("suggest_field_values", {**ORDERS, "field_name": "orders.count"}, said("a measure")),
    Case(
        "suggest_field_values",
        {**ORDERS, "field_name": "orders.sttus"},
        lambda got: got.answer["error"].index('did you mean "orders.status"'),
        fails=True,
    ),
    Case("list_connections", {}, has("warehouse")),
    Case("list_connections", {"limit": 1, "offset": 1}, second_connection),
]
