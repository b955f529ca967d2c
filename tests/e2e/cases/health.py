"""Whether the instance is well, and what nobody uses. The sandbox's rows are in tests/sandbox/activity.c."""

from typing import Any

from harness.cases import Case, Got


def checks(got: Got) -> dict[str, dict[str, Any]]:
    return {check["check"]: check for check in got.answer["checks"]}


def everything_is_seen(got: Got) -> None:
    seen = checks(got)
    assert (got.answer["healthy"], got.answer["status"]) == (False, "failed")
    assert {name: check["status"] for name, check in seen.items()} == {
        "connections": "failed",
        "datagroups": "failed",
        "running_queries": "warning",
        "slow_dashboards": "warning",
        "failing_queries": "warning",
        "slow_explores": "warning",
        "schedules": "warning",
        "pdt_builds": "warning",
        "legacy_features": "ok",
    }
    assert seen["connections"]["detail"] == "2 of 3 connections passed Looker's tests"
    assert seen["connections"]["items"] == [
        {"connection": "reporting_db", "status": "failed", "message": "no route to reporting.example.com"}
    ]
    assert seen["datagroups"]["items"][0]["trigger_error"] == "relation etl_log does not exist"
    assert [q["query_task_id"] for q in seen["running_queries"]["items"]] == ["running-long", "running-longer"]
    assert seen["slow_dashboards"]["items"][0]["dashboard.title"] == "Business Pulse"
    assert seen["failing_queries"]["items"][0]["history.message"] == "column orders.broken does not exist"
    assert [i["query.view"] for i in seen["slow_explores"]["items"]] == ["orders", "order_items"]
    assert seen["schedules"]["items"][0]["scheduled_plan.id"] == 8
    assert seen["pdt_builds"]["items"][0]["pdt_event_log.view_name"] == "order_facts"
    assert "items" not in seen["legacy_features"]


def all_is_well(got: Got) -> None:
    assert (got.answer["healthy"], got.answer["status"]) == (True, "healthy")
    assert {check["status"] for check in got.answer["checks"]} == {"ok"} and len(got.answer["checks"]) == 9


def only_two(got: Got) -> None:
    assert list(checks(got)) == ["schedules", "pdt_builds"]
    bodies = [r["body"] for r in got.requests]
    assert len(bodies) == 2 and all('_date":"24 hours"' in body for body in bodies)


def unknown_is_not_healthy(got: Got) -> None:
    seen = checks(got)
    assert (got.answer["healthy"], got.answer["status"]) == (False, "unknown")
    assert seen["schedules"] == {
        "check": "schedules",
        "status": "unknown",
        "error": seen["schedules"]["error"],
        "http_status": 403,
        "detail": "You shall not",
    }
    assert "see_system_activity" in seen["schedules"]["error"]
    assert seen["legacy_features"]["status"] == "ok"


def untested(got: Got) -> None:
    seen = checks(got)["connections"]
    assert (got.answer["healthy"], seen["status"]) == (False, "unknown"), seen
    assert seen["detail"] == "0 of 3 connections passed Looker's tests"
    assert seen["items"][2] == {
        "connection": "reporting_db",
        "status": "unknown",
        "http_status": 422,
        "message": "No",
    }


WELL = [
    {"operation": "test_connection", "status": 200, "body": [{"name": "connect", "status": "success"}]},
    {"operation": "all_datagroups", "status": 200, "body": [{"name": "d", "trigger_error": None}]},
    {"operation": "all_running_queries", "status": 200, "body": [{"query_task_id": "1", "runtime": 599}]},
    {"operation": "run_inline_query", "status": 200, "body": []},
]

THELOOK = {"orders": 4, "users": 2, "order_items": 1, "products": 1}


def models_by_use(got: Got) -> None:
    rows = {item["model"]: item for item in got.items}
    assert [item["model"] for item in got.items][:2] == ["thelook", "analytics"]
    assert (rows["thelook"]["queries"], rows["thelook"]["explores"]) == (8, 5)
    assert rows["thelook"]["unused_explores"] == 1 and rows["thelook"]["last_query"]
    assert (rows["big"]["queries"], rows["big"]["unused_explores"]) == (0, 663)
    assert "last_query" not in rows["big"]


def explores_of_thelook(got: Got) -> None:
    # 40 days ago somebody queried products: not within 30 days.
    assert {item["explore"]: item["queries"] for item in got.items} == {**THELOOK, "products": 0, "audit": 0}
    assert got.items[0]["explore"] == "orders" and got.answer["days"] == 30
    assert got.body("run_inline_query")["filters"] == {
        "history.created_date": "30 days",
        "query.model": "thelook",
    }


def projects(got: Got) -> None:
    rows = {item["project"]: item for item in got.items}
    assert (rows["analytics"]["models"], rows["analytics"]["unused_models"]) == (2, 1)
    assert (rows["thelook"]["queries"], rows["big"]["queries"]) == (8, 0)


def used_content(got: Got) -> None:
    assert got.items[0]["content_usage.content_title"] == "Business Pulse"
    assert len(got.items) == 4


def unused_explores(got: Got) -> None:
    assert got.answer["scope"] == "explores" and got.answer["explores_looked_at"] == 670
    assert got.answer["total"] == 665 and got.answer["next_offset"] == 50
    assert got.items[0] == {"model": "thelook", "explore": "audit", "hidden": True, "looks": 0, "dashboards": 0}
    # Nobody asked it by itself, but a dashboard is made of it.
    assert got.items[1] == {"model": "analytics", "explore": "events", "hidden": False, "looks": 0, "dashboards": 1}


def unused_models(got: Got) -> None:
    assert [item["model"] for item in got.items] == ["empty", "big"]


def unused_fields(got: Got) -> None:
    (item,) = got.items
    assert (item["model"], item["explore"], item["queries"]) == ("thelook", "users", 2)
    # users.country was filtered by, users.state and users.count were asked for.
    used = {"users.country", "users.state", "users.count", "users.average_age"}
    assert not used & set(item["unused_fields"]) and "users.zip" in item["unused_fields"]
    assert item["fields"] == item["unused"] + 4 == len(item["unused_fields"]) + 4


def fields_page(got: Got) -> None:
    assert [item["explore"] for item in got.items] == ["order_items"]
    assert "orders.status" not in got.items[0]["unused_fields"]
    assert got.answer["total"] == 5 and got.answer["next_offset"] == 2


def unopened(got: Got) -> None:
    assert [i["content_usage.content_id"] for i in got.items] == ["2", "2", "thelook::overview"]
    assert got.items[0]["content_usage.days_since_last_accessed"] == 200


def needs_a_model(got: Got) -> None:
    assert "model" in got.answer["error"] and got.requests == []


def no_such_model(got: Got) -> None:
    assert "list_models" in got.answer["error"] and got.operations == ["all_lookml_models"]


CASES = [
    Case("health_pulse", {}, everything_is_seen),
    Case("health_pulse", {}, all_is_well, rules=WELL),
    Case("health_pulse", {"checks": ["schedules", "pdt_builds"], "date_range": "24 hours"}, only_two),
    Case(
        "health_pulse",
        {"checks": ["schedules", "legacy_features"]},
        unknown_is_not_healthy,
        rules=[{"operation": "run_inline_query", "status": 403, "body": {"message": "You shall not"}}],
    ),
    Case(
        "health_pulse",
        {"checks": ["connections"]},
        untested,
        rules=[{"operation": "test_connection", "status": 422, "body": {"message": "No"}}],
    ),
    Case("health_analyze", {}, models_by_use),
    Case(
        "health_analyze",
        {"analysis_type": "explores", "model": "thelook", "days": 30, "limit": 10, "offset": 0},
        explores_of_thelook,
    ),
    Case("health_analyze", {"analysis_type": "projects"}, projects),
    Case("health_analyze", {"analysis_type": "content", "days": 7}, used_content),
    Case("health_analyze", {"model": "nope"}, no_such_model, fails=True),
    Case("health_vacuum", {}, unused_explores),
    Case("health_vacuum", {"scope": "models", "limit": 10, "offset": 0}, unused_models),
    Case("health_vacuum", {"scope": "fields", "model": "thelook", "explore": "users", "days": 30}, unused_fields),
    Case("health_vacuum", {"scope": "fields", "model": "thelook", "limit": 1, "offset": 1}, fields_page),
    Case("health_vacuum", {"scope": "content"}, unopened),
    Case("health_vacuum", {"scope": "fields"}, needs_a_model, fails=True),
]
