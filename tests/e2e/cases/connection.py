"""Database connections."""

from __future__ import annotations

from typing import Any

from harness.cases import Case, Got

SECRET = "correct-horse-battery"
SETTINGS: dict[str, Any] = {
    "host": "db2.example.com",
    "port": 5433,
    "database": "shop",
    "schema": "public",
    "service_name": "svc",
    "uses_tns": False,
    "named_driver_version_requested": "42.7",
    "username": "looker",
    "password": SECRET,
    "uses_key_pair_auth": False,
    "certificate": SECRET,
    "file_type": ".json",
    "oauth_application_id": "1",
    "uses_application_default_credentials": False,
    "impersonated_service_account": "sa@example.com",
    "user_db_credentials": False,
    "user_attribute_fields": ["schema"],
    "ssl": True,
    "verify_ssl": True,
    "max_connections": 20,
    "max_queries": 10,
    "max_queries_per_user": 5,
    "pool_timeout": 120,
    "connection_pooling": True,
    "max_billing_gigabytes": "100",
    "cost_estimate_enabled": True,
    "query_holding_disabled": False,
    "disable_context_comment": True,
    "query_timezone": "UTC",
    "db_timezone": "UTC",
    "after_connect_statements": "SET a = 1",
    "jdbc_additional_params": "a=b",
    "sql_runner_precache_tables": False,
    "sql_writing_with_info_schema": True,
    "tmp_db_name": "scratch",
    "tmp_db_host": "db3.example.com",
    "maintenance_cron": "*/5 * * * *",
    "pdt_concurrency": 2,
    "pdt_api_control_enabled": True,
    "always_retry_failed_builds": False,
    "pdt_context_override": {"context": "pdt", "username": "builder", "password": SECRET},
    "tunnel_id": "1",
    "custom_local_port": 9000,
    "bq_storage_project_id": "p",
    "bq_roles_verified": True,
}
BY_NAME = {"name": "warehouse"}


def shows_no_secret(got: Got) -> None:
    assert got.answer["host"] == "db.example.com" and got.answer["has_password"] is True
    assert not {"password", "certificate"} & set(got.answer)


def sends_all_settings(operation: str, **others: str) -> Any:
    def check(got: Got) -> None:
        body = got.body(operation)
        assert body.pop("port") == "5433"  # Looker keeps it as text
        wanted = {**SETTINGS, **others}
        del wanted["port"]
        assert body == wanted
        assert SECRET not in str(got.answer)
        assert got.answer["tmp_db_name"] == "scratch"

    return check


def clears(got: Got) -> None:
    assert got.body("update_connection") == {"tmp_db_name": None, "port": None, "max_connections": 5}
    assert (got.answer["tmp_db_name"], got.answer["port"], got.answer["username"]) == (None, None, "looker")


def says(*words: str) -> Any:
    def check(got: Got) -> None:
        for word in words:
            assert word in got.answer["error"], got.answer
        assert got.requests == [] or got.requests[0]["status"] == 404

    return check


def tests_everything(got: Got) -> None:
    assert got.sent("test_connection")["query"] == ""
    assert got.items[0]["status"]


def joins_tests(got: Got) -> None:
    assert got.sent("test_connection")["query"] in ("tests=connect,query", "tests=connect%2Cquery")


def names_dialects(got: Got) -> None:
    assert [d["name"] for d in got.items] == ["postgres", "bigquery_standard_sql", "mssql"]


def is_shown(operation: str, **sent: str) -> Any:
    def check(got: Got) -> None:
        assert got.body(operation) == sent
        assert got.answer["dialect_name"] == "postgres"

    return check


def is_gone(got: Got) -> None:
    assert got.answer == {"ok": True, "name": "warehouse"}


CASES = [
    Case("get_connection", BY_NAME, shows_no_secret),
    Case("get_connection", {"name": "nowhere"}, says("list_connections"), fails=True),
    Case("list_connection_dialects", {}, names_dialects),
    Case(
        "create_connection",
        {"name": "copy", "dialect_name": "postgres"},
        is_shown("create_connection", name="copy", dialect_name="postgres"),
    ),
    Case(
        "create_connection",
        {"name": "copy", "dialect_name": "postgres", **SETTINGS},
        sends_all_settings("create_connection", name="copy", dialect_name="postgres"),
    ),
    Case(
        "create_connection",
        {"name": "copy", "dialect_name": "postgres", "pdt_context_override": {"has_password": True}},
        says("pdt_context_override", "has_password"),
        fails=True,
    ),
    Case("update_connection", BY_NAME, is_shown("update_connection")),
    Case(
        "update_connection",
        {**BY_NAME, "dialect_name": "postgres", **SETTINGS},
        sends_all_settings("update_connection", dialect_name="postgres"),
    ),
    Case(
        "update_connection",
        {**BY_NAME, "clear_fields": ["tmp_db_name", "port"], "max_connections": 5},
        clears,
    ),
    Case("update_connection", {**BY_NAME, "clear_fields": ["hots"]}, says("clear_fields", "hots"), fails=True),
    Case("update_connection", {**BY_NAME, "clear_fields": ["ssl"]}, says("clear_fields", "ssl"), fails=True),
    Case(
        "update_connection",
        {**BY_NAME, "clear_fields": ["host"], "host": "x"},
        says("clear_fields", "host", "given a value"),
        fails=True,
    ),
    Case("delete_connection", BY_NAME, is_gone),
    Case(
        "get_connection",
        BY_NAME,
        says("no such connection"),
        before=[("delete_connection", BY_NAME)],
        fails=True,
    ),
    Case("test_connection", BY_NAME, tests_everything),
    Case("test_connection", {**BY_NAME, "tests": ["connect", "query"]}, joins_tests),
]
