"""System Activity, running queries, sessions, CI runs. The sandbox's rows are in tests/sandbox/activity.c."""

from typing import Any

from harness.cases import Case, Got

DATE_FIELDS = {
    "history": "history.created_date",
    "content_usage": "content_usage.last_accessed_date",
    "pdt_event_log": "pdt_event_log.created_date",
    "scheduled_plan": "scheduled_job.created_date",
    "event": "event.created_date",
}


def query(got: Got) -> dict[str, Any]:
    body: dict[str, Any] = got.body("run_inline_query")
    assert body["model"] == "system__activity" and body["query_timezone"] == "UTC"
    return body


def column(got: Got, name: str) -> list[Any]:
    return [item.get(name) for item in got.items]


def default_history(got: Got) -> None:
    assert query(got)["filters"] == {"history.created_date": "7 days"} and query(got)["limit"] == "500"
    # Newest first, and nothing of 20 and 40 days ago.
    assert column(got, "history.id") == [101, 102, 110, 107, 103, 106, 104, 105]
    failed = got.items[4]
    assert failed["history.message"] == "column orders.broken does not exist"
    assert (failed["user.email"], failed["look.title"]) == ("grace@example.com", "Broken Look")


def one_slow_query(got: Got) -> None:
    assert query(got)["filters"] == {
        "history.created_date": "30 days",
        "user.email": "ada@example.com",
        "history.real_dash_id": "1",
        "query.model": "thelook",
        "query.view": "order^_items",
        "history.runtime": ">=12.5",
    }
    assert column(got, "history.id") == [102]


def failures(got: Got) -> None:
    assert column(got, "history.id") == [103] and set(column(got, "history.status")) == {"error"}
    assert got.answer["limit_reached"] is True


def text_means_itself(got: Got) -> None:
    assert query(got)["filters"]["user.email"] == 'a^,^"b^%^_^^@example.com'
    assert got.items == []


def most_used(got: Got) -> None:
    assert column(got, "content_usage.content_id") == ["1", "1", "3", "4"]
    assert column(got, "content_usage.other_count") == [300, 120, 8, 1]


def used_looks(got: Got) -> None:
    assert query(got)["filters"]["content_usage.other_count"] == ">=8"
    assert column(got, "content_usage.content_title") == ["Orders by Status", "Users by State"]


def newest_builds_first(got: Got) -> None:
    assert column(got, "pdt_event_log.tid") == ["t2", "t1", "t1"]


def failed_build(got: Got) -> None:
    assert column(got, "pdt_event_log.action_data") == ["relation raw.orders does not exist"]
    assert query(got)["filters"]["pdt_event_log.action"] == "%error%"


def failed_delivery(got: Got) -> None:
    assert column(got, "scheduled_job.status_detail") == ["the mail server refused the recipient"]


def logins_of_one(got: Got) -> None:
    # alan_@… is not a pattern: alan@… and alana@… are others.
    assert query(got)["filters"]["user.email"] == "alan^_@example.com"
    assert query(got)["filters"]["event.name"] == "login,save^_project^_file"
    assert column(got, "event.id") == [2]


def running(got: Got) -> None:
    assert column(got, "query_task_id") == ["running-short", "running-long", "running-longer"]
    assert got.items[1]["runtime"] == 725 and got.items[1]["user"]["display_name"] == "Grace Hopper"


def is_gone(got: Got) -> None:
    assert got.answer["ok"] is True
    assert got.sent("kill_query")["path"].endswith("/running_queries/running-long")


def not_open(got: Got) -> None:
    assert "see_system_activity" in got.answer["error"] and got.answer["detail"] == "Not found"


def looker_says_why(got: Got) -> None:
    assert "System Activity" in got.answer["error"]
    assert got.answer["detail"] == "Unknown field history.runtime"


def sessions_of_two(got: Got) -> None:
    assert got.sent("search_users")["query"] == "fields=id%2Cemail%2Csessions&limit=2&offset=1&sorts=id"
    assert got.answer["users_looked_at"] == 2 and got.answer["next_offset"] == 3
    assert column(got, "id") == ["201", "202", "301"] and column(got, "user_id") == ["2", "2", "3"]
    assert got.items[2]["email"] == "grace@example.com" and got.items[2]["ip_address"] == "192.0.2.7"


def all_sessions(got: Got) -> None:
    assert column(got, "id") == ["1", "201", "202", "301"] and "next_offset" not in got.answer


def found_and_shown(got: Got) -> None:
    assert (got.answer["id"], got.answer["user_id"], got.answer["browser"]) == ("301", "3", "Firefox")
    assert got.sent("user_session")["path"].endswith("/users/3/sessions/301")


def found_and_ended(got: Got) -> None:
    assert got.answer == {"ok": True, "session_id": "202", "user_id": "2"}
    assert got.sent("delete_user_session")["path"].endswith("/users/2/sessions/202")


def only_the_other_is_left(got: Got) -> None:
    assert column(got, "id") == ["201"] and got.operations == ["all_user_sessions"]


def nobodys(got: Got) -> None:
    assert "has a session \"77\"" in got.answer["error"] and "list_active_sessions" in got.answer["error"]
    assert got.operations == ["search_users"]


def unlisted(got: Got) -> None:
    assert "get_project_ci_run" in got.answer["error"] and got.answer["status"] == 404


def sent_all_of_a_run(got: Got) -> None:
    assert got.body("create_ci_run") == {"branch": "dev/one", "commit": "abc123", "suite_id": "s1"}


def both_runs(got: Got) -> None:
    assert column(got, "id") == ["8", "9"] and column(got, "status") == ["passed", "failed"]


def second_run(got: Got) -> None:
    assert column(got, "id") == ["9"] and got.answer["total"] == 2


def run_of_the_branch(got: Got) -> None:
    run = got.answer["run"]
    assert (run["run_id"], run["status"]) == (got.before[0]["run_id"], "running")
    assert run["git_state"]["branch"] == "dev/one"


# The sandbox has no such route, as far as anybody knows Looker has none.
CI_RUNS = [
    {
        "operation": "list_ci_runs",
        "status": 200,
        "body": [{"id": "8", "status": "passed"}, {"id": "9", "status": "failed"}],
    }
]
CI = {"project_id": "thelook"}
EVERYTHING_OF_HISTORY = {
    "date_range": "30 days",
    "user_email": "ada@example.com",
    "dashboard_id": "1",
    "model": "thelook",
    "explore": "order_items",
    "min_runtime_seconds": 12.5,
    "errors_only": False,
    "limit": 10,
}

CASES = [
    Case("get_query_history", {}, default_history),
    Case("get_query_history", EVERYTHING_OF_HISTORY, one_slow_query),
    Case("get_query_history", {"look_id": 4, "errors_only": True, "limit": 1}, failures),
    Case("get_query_history", {"user_email": ' a,"b%_^@example.com '}, text_means_itself),
    Case("get_query_history", {"look_id": "4,5"}, lambda got: got.answer["error"].index("look_id"), fails=True),
    Case(
        "get_query_history",
        {},
        not_open,
        rules=[{"operation": "run_inline_query", "status": 404, "body": {"message": "Not found"}}],
        fails=True,
    ),
    Case(
        "get_query_history",
        {},
        looker_says_why,
        rules=[
            {
                "operation": "run_inline_query",
                "status": 200,
                "body": [{"looker_error": "Unknown field history.runtime"}],
            }
        ],
        fails=True,
    ),
    Case("get_content_usage", {}, most_used),
    Case(
        "get_content_usage",
        {"date_range": "7 days", "content_type": "look", "min_views": 8, "limit": 10},
        used_looks,
    ),
    Case("get_pdt_build_log", {}, newest_builds_first),
    Case(
        "get_pdt_build_log",
        {
            "date_range": "24 hours",
            "model": "thelook",
            "view": "order_facts",
            "connection": "warehouse",
            "failed_only": True,
            "limit": 5,
        },
        failed_build,
    ),
    Case("get_schedule_history", {}, lambda got: column(got, "scheduled_job.id").index(1)),
    Case(
        "get_schedule_history",
        {
            "date_range": "30 days",
            "schedule_id": 8,
            "user_email": "grace@example.com",
            "failed_only": True,
            "limit": 5,
        },
        failed_delivery,
    ),
    Case("get_user_activity_log", {}, lambda got: column(got, "event.id").index(5)),
    Case(
        "get_user_activity_log",
        {
            "date_range": "30 days",
            "user_email": "alan_@example.com",
            "event_types": " login, save_project_file",
            "category": "auth",
            "limit": 5,
        },
        logins_of_one,
    ),
    Case("list_running_queries", {}, running),
    Case("list_running_queries", {"limit": 1, "offset": 1}, lambda got: got.answer["next_offset"]),
    Case("kill_query", {"query_task_id": "running-long"}, is_gone),
    Case(
        "list_running_queries",
        {},
        lambda got: column(got, "query_task_id").index("running-longer"),
        before=[("kill_query", {"query_task_id": "running-short"})],
    ),
    Case("list_active_sessions", {}, all_sessions),
    Case("list_active_sessions", {"limit": 2, "offset": 1}, sessions_of_two),
    Case("get_session", {"session_id": "301"}, found_and_shown),
    Case("get_session", {"session_id": 301, "user_id": 3}, found_and_shown),
    Case("get_session", {"session_id": "77"}, nobodys, fails=True),
    Case("terminate_session", {"session_id": "202"}, found_and_ended),
    Case("terminate_session", {"session_id": "202", "user_id": "2"}, found_and_ended),
    Case("terminate_session", {"session_id": "77"}, nobodys, fails=True),
    Case(
        "list_active_sessions",
        {"user_id": "2"},
        only_the_other_is_left,
        before=[("terminate_session", {"session_id": "202"})],
    ),
    Case("list_project_ci_runs", CI, unlisted, fails=True),
    Case("list_project_ci_runs", CI, both_runs, rules=CI_RUNS),
    Case("list_project_ci_runs", {**CI, "limit": 1, "offset": 1}, second_run, rules=CI_RUNS),
    Case(
        "get_project_ci_run",
        lambda before: {**CI, "run_id": before[0]["run_id"]},
        run_of_the_branch,
        before=[("trigger_project_ci_run", {**CI, "branch": "dev/one"})],
    ),
    Case("trigger_project_ci_run", CI, lambda got: got.answer["run_id"]),
    Case(
        "trigger_project_ci_run",
        {**CI, "branch": "dev/one", "commit": "abc123", "suite_id": "s1"},
        sent_all_of_a_run,
    ),
]
