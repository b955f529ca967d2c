"""Databases, schemas, tables and columns."""

import json
from urllib.parse import parse_qsl

from harness.cases import Case, Got

WAREHOUSE = {"connection_name": "warehouse"}


def asked(got: Got, operation: str, **wanted: str) -> None:
    """Of the query parameters, `fields` aside, exactly these were sent."""
    sent = dict(parse_qsl(got.sent(operation)["query"]))
    sent.pop("fields", None)
    assert sent == wanted


def second_database(got: Got) -> None:
    assert got.answer == {"count": 1, "total": 2, "items": ["archive"]}
    asked(got, "connection_databases")


def first_schemas(got: Got) -> None:
    assert [(s["name"], s["is_default"]) for s in got.items] == [("public", True), ("analytics", False)]
    assert (got.answer["total"], got.answer["next_offset"]) == (3, 2)
    asked(got, "connection_schemas", database="shop", cache="false")


def tables_of_all_schemas(got: Got) -> None:
    found = {(table["schema_name"], table["name"]) for table in got.items}
    assert {("public", "orders"), ("analytics", "daily_sales")} <= found


def order_items(got: Got) -> None:
    assert [(t["schema_name"], t["name"]) for t in got.items] == [("public", "order_items")]
    assert got.answer["total"] == 2
    asked(
        got,
        "connection_tables",
        database="shop",
        schema_name="public",
        table_filter="order",
        table_limit="100",
        cache="false",
    )


def columns_of_orders(got: Got) -> None:
    (table,) = got.items
    types = {c["name"]: (c["data_type_database"], c["data_type_looker"]) for c in table["columns"]}
    assert (table["schema_name"], table["name"]) == ("public", "orders")
    assert types["created_at"] == ("timestamp", "date_time") and types["id"] == ("bigint", "number")
    asked(
        got,
        "connection_columns",
        database="shop",
        schema_name="public",
        table_names="orders",
        table_limit="10",
        cache="false",
    )


def several_tables(got: Got) -> None:
    assert {"orders", "users"} <= {table["name"] for table in got.items}
    assert all(table["columns"] for table in got.items)


def nothing_matches(got: Got) -> None:
    assert got.items == [] and "list_schemas" in got.answer["hint"]


def no_connection(got: Got) -> None:
    assert got.answer["status"] == 404 and "list_connections" in got.answer["error"]


CASES = [
    Case("list_databases", WAREHOUSE, lambda got: got.items.index("shop")),
    Case("list_databases", {**WAREHOUSE, "limit": 1, "offset": 1}, second_database),
    Case("list_databases", {"connection_name": "warehous"}, no_connection, fails=True),
    Case("list_schemas", WAREHOUSE, lambda got: json.dumps(got.items).index("looker_scratch")),
    Case("list_schemas", {**WAREHOUSE, "database": "shop", "cache": False, "limit": 2, "offset": 0}, first_schemas),
    Case("list_tables", WAREHOUSE, tables_of_all_schemas),
    Case(
        "list_tables",
        {
            **WAREHOUSE,
            "database": "shop",
            "schema_name": "public",
            "table_filter": "order",
            "table_limit": 100,
            "cache": False,
            "limit": 5,
            "offset": 1,
        },
        order_items,
    ),
    Case("list_tables", {**WAREHOUSE, "schema_name": "nowhere"}, nothing_matches),
    Case("list_columns", WAREHOUSE, several_tables),
    Case(
        "list_columns",
        {
            **WAREHOUSE,
            "database": "shop",
            "schema_name": "public",
            "table_name": "orders",
            "table_limit": 10,
            "cache": False,
            "limit": 5,
            "offset": 0,
        },
        columns_of_orders,
    ),
]
