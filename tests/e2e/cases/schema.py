"""Databases, schemas, tables and columns."""

from harness.cases import Case, Got

WAREHOUSE = {"connection_name": "warehouse"}


def has_columns(got: Got) -> None:
    assert got.items[0]["columns"][0]["name"]


def has_names(got: Got) -> None:
    assert all(item["name"] for item in got.items) and got.items


def databases_are_texts(got: Got) -> None:
    assert all(isinstance(name, str) for name in got.items)


CASES = [
    Case("list_databases", WAREHOUSE, databases_are_texts),
    Case("list_databases", {**WAREHOUSE, "limit": 1, "offset": 0}),
    Case("list_schemas", WAREHOUSE, has_names),
    Case("list_schemas", {**WAREHOUSE, "database": "shop", "cache": False, "limit": 5, "offset": 0}),
    Case("list_tables", WAREHOUSE, has_names),
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
            "offset": 0,
        },
    ),
    Case("list_columns", WAREHOUSE, has_columns),
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
    ),
]
