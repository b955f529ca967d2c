"""Looking after the instance: activity, health, stale things. The sandbox's rows are in
tests/sandbox/activity.c, the sessions' ages in credentials.c."""

from typing import Any

from harness.cases import Case, Got


def steps(got: Got) -> list[tuple[str, str]]:
    return [(step["step"], step["status"]) for step in got.answer["steps"]]


def column(got: Got, name: str) -> list[Any]:
    return [item.get(name) for item in got.items]


# ---- audit_query_activity ----


def all_activity(got: Got) -> None:
    assert got.answer["summary"]["queries"] == 8 and got.answer["summary"]["errors"] == 2
    assert got.answer["summary"]["max_runtime"] == 900
    assert 120.9 < got.answer["summary"]["average_runtime"] < 121
    by_status = {row["history.status"]: row["history.query_run_count"] for row in got.answer["by_status"]["items"]}
    assert by_status == {"complete": 5, "error": 2, "killed": 1}
    top = got.answer["top_explores"]["items"][0]
    assert (top["query.view"], top["history.query_run_count"]) == ("orders", 4)
    assert got.answer["top_errors"]["items"] == [
        {
            "history.message": "column orders.broken does not exist",
            "query.model": "thelook",
            "query.view": "orders",
            "history.query_run_count": 2,
        }
    ]
    assert len(got.items) == 8 and got.answer["outcome"] == "done"
    assert [status for _, status in steps(got)] == ["done"] * 5


def slowest_first(got: Got) -> None:
    assert column(got, "history.id") == [107, 102] and got.answer["limit_reached"] is True


def of_one_user(got: Got) -> None:
    assert column(got, "history.id") == [102] and got.answer["summary"]["queries"] == 1


def of_one_look(got: Got) -> None:
    assert column(got, "history.id") == [103] and got.answer["summary"] == {
        "queries": 1,
        "average_runtime": 0.4,
        "max_runtime": 0.4,
        "errors": 1,
    }


# ---- audit_instance_health ----


def what_failed_today(got: Got) -> None:
    sections = got.answer["sections"]
    assert got.answer["healthy"] is False and got.answer["sections_not_read"] == 0
    assert sections["failed_queries"]["count"] == 1 and sections["slow_queries"]["count"] == 2
    assert sections["failed_schedules"]["items"][0]["scheduled_plan.id"] == 8
    assert sections["failed_pdt_builds"]["items"][0]["pdt_event_log.action"] == "create sql error"
    broken = sections["content_errors"]["items"]
    assert broken[0] == {
        "kind": "look",
        "id": "4",
        "title": "Broken Look",
        "errors": ['Unknown field "orders.broken"'],
    }
    assert [(item["kind"], item["dashboard_id"]) for item in broken[1:]] == [
        ("dashboard_element", "1"),
        ("dashboard_filter", "2"),
    ]
    assert got.answer["content_with_errors"] == 3


def one_each(got: Got) -> None:
    sections = got.answer["sections"]
    assert [sections[name]["count"] for name in sections] == [1] * 5
    assert sections["failed_queries"]["more"] is True and sections["failed_pdt_builds"]["more"] is True
    assert sections["content_errors"]["more"] is True


def well(got: Got) -> None:
    assert got.answer["healthy"] is True and got.answer["sections_with_findings"] == 0


def unread_is_not_healthy(got: Got) -> None:
    assert got.answer["healthy"] is False and got.answer["sections_not_read"] == 1
    assert got.answer["sections"]["content_errors"]["status"] == 403
    assert got.answer["sections"]["content_errors"]["detail"] == "Not for you"
    assert steps(got)[-1] == ("content_errors", "failed") and got.answer["outcome"] == "partial"
    assert got.answer["left_to_do"]


NOTHING = {"operation": "run_inline_query", "status": 200, "body": []}
NO_CONTENT_ERRORS = {"operation": "content_validation", "status": 200, "body": {"content_with_errors": []}}

# ---- investigate_runaway_queries ----


def two_runaways(got: Got) -> None:
    assert (got.answer["running"], got.answer["outcome"]) == (3, "preview")
    assert column(got, "query_task_id") == ["running-long", "running-longer"]
    assert got.items[0]["user"] == "Grace Hopper" and got.items[0]["explore"] == "order_items"
    assert steps(got)[1:] == [("kill_query", "planned")] * 2 and got.answer["changed"] == []
    assert got.operations == ["all_running_queries"]


def one_is_stopped(got: Got) -> None:
    assert column(got, "query_task_id") == ["running-longer"] and got.answer["outcome"] == "done"
    assert got.sent("kill_query")["path"].endswith("/running-longer")
    assert got.answer["changed"] == ["Looker was told to stop query running-longer, which had run for 4100 s"]


def gone_already(got: Got) -> None:
    assert column(got, "query_task_id") == ["running-long"], "the other was stopped before"


def the_second_cannot_be(got: Got) -> None:
    assert steps(got) == [
        ("list_running_queries", "done"),
        ("kill_query", "done"),
        ("kill_query", "failed"),
    ]
    assert got.answer["outcome"] == "failed" and len(got.answer["changed"]) == 1
    assert got.answer["detail"] == "Not yours" and "running-longer" in got.answer["left_to_do"][0]


# ---- find_stale_content ----


def stale_and_never_opened(got: Got) -> None:
    assert column(got, "content_usage.content_id") == ["2", "2", "thelook::overview"]
    assert column(got, "content_usage.days_since_last_accessed") == [200, 120, 100]
    never = got.answer["never_opened"]
    assert [(item["content_type"], item["title"]) for item in never["items"]] == [("dashboard", "Empty Dashboard")]
    assert never["looked_at"] == 7 and got.answer["outcome"] == "done"


def stale_looks(got: Got) -> None:
    assert column(got, "content_usage.content_title") == ["Revenue by Month"]
    assert "never_opened" not in got.answer and got.operations == ["run_inline_query"]


def dashboards_are_missing(got: Got) -> None:
    assert ("read_dashboards", "failed") in steps(got) and ("read_looks", "done") in steps(got)
    assert len(got.items) == 3 and any("dashboards" in left for left in got.answer["left_to_do"])


# ---- disable_stale_sessions ----


def two_stale_sessions(got: Got) -> None:
    assert [item["session"]["id"] for item in got.items] == ["202", "301"]
    assert column(got, "days_unused") == [120, 200]
    assert got.answer["own_left_alone"] == 1, "session 1 is the server's user's"
    assert got.answer["sessions_looked_at"] == 4 and got.answer["outcome"] == "preview"
    assert "delete_user_session" not in got.operations and got.answer["changed"] == []


def oldest_is_ended(got: Got) -> None:
    assert got.sent("delete_user_session")["path"].endswith("/users/3/sessions/301")
    assert got.answer["changed"] == ["ended session 301 of user 3"] and got.answer["outcome"] == "done"


def nothing_is_left(got: Got) -> None:
    assert got.items == [] and got.answer["changed"] == [] and got.answer["outcome"] == "done"


def only_one_of_two(got: Got) -> None:
    assert len(got.items) == 1 and "1 more" in got.answer["left_to_do"][0]


TERMINATE = ("disable_stale_sessions", {"action": "terminate"})

CASES = [
    Case("audit_query_activity", {"scope": "all"}, all_activity),
    Case("audit_query_activity", {"scope": "slow", "limit": 2}, slowest_first),
    Case(
        "audit_query_activity",
        {
            "scope": "by_user",
            "user_email": "ada@example.com",
            "date_range": "30 days",
            "dashboard_id": "1",
        },
        of_one_user,
    ),
    Case("audit_query_activity", {"scope": "by_content", "look_id": 4}, of_one_look),
    Case(
        "audit_query_activity",
        {"scope": "frequent"},
        lambda got: got.items[0]["history.query_run_count"],
    ),
    Case(
        "audit_query_activity",
        {"scope": "by_user"},
        lambda got: got.answer["error"].index("user_email"),
        fails=True,
    ),
    Case(
        "audit_query_activity",
        {"scope": "by_content", "dashboard_id": "1", "look_id": "4"},
        lambda got: got.answer["error"].index("look_id"),
        fails=True,
    ),
    Case("audit_instance_health", {}, what_failed_today),
    Case("audit_instance_health", {"date_range": "30 days", "limit": 1}, one_each),
    Case("audit_instance_health", {}, well, rules=[NOTHING, NO_CONTENT_ERRORS]),
    Case(
        "audit_instance_health",
        {},
        unread_is_not_healthy,
        rules=[
            NOTHING,
            {"operation": "content_validation", "status": 403, "body": {"message": "Not for you"}},
        ],
    ),
    Case("investigate_runaway_queries", {}, two_runaways),
    Case("investigate_runaway_queries", {"threshold_seconds": 1000.5, "action": "kill"}, one_is_stopped),
    Case(
        "investigate_runaway_queries",
        {},
        gone_already,
        before=[("investigate_runaway_queries", {"threshold_seconds": 1000, "action": "kill"})],
    ),
    Case(
        "investigate_runaway_queries",
        {"action": "kill"},
        the_second_cannot_be,
        rules=[{"operation": "kill_query", "after": 1, "status": 403, "body": {"message": "Not yours"}}],
        fails=True,
    ),
    Case("find_stale_content", {}, stale_and_never_opened),
    Case(
        "find_stale_content",
        {"min_days_unused": 110, "content_type": "look", "never_opened": False, "limit": 5},
        stale_looks,
    ),
    Case(
        "find_stale_content",
        {},
        dashboards_are_missing,
        rules=[{"operation": "search_dashboards", "status": 403, "body": {"message": "No"}}],
    ),
    Case("disable_stale_sessions", {}, two_stale_sessions),
    Case("disable_stale_sessions", {"max_age_days": 150, "action": "terminate", "limit": 10}, oldest_is_ended),
    Case("disable_stale_sessions", {"action": "terminate"}, nothing_is_left, before=[TERMINATE]),
    Case("disable_stale_sessions", {"limit": 1}, only_one_of_two),
]
