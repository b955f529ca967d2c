"""Results that do not fit: rows cut as they come, cursors that go on, and the memory that it takes."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from harness.mcp import Peer
from harness.process import SANITIZED
from harness.sandbox import Sandbox

MILLION = 1_000_000
# Of the sandbox's rows the first dimension counts up: each is there once.
WIDE = {"model": "thelook", "view": "orders", "fields": ["orders.id", "orders.status", "orders.count"]}
ALL_ROWS = {"MAX_ROWS": str(MILLION)}
LARGEST = 4 * 1024 * 1024


def peak_mb(server: Any) -> float:
    return float(server.process.peak_kib() * 1024 / 1e6)


def walk(server: Peer, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """All answers, from the first to the one without a cursor."""
    answers = [server.answer("query", arguments)]
    while "cursor" in answers[-1]:
        assert "run_query" in answers[-1]["truncated"]["how"]
        answers.append(server.answer("run_query", {"cursor": answers[-1]["cursor"]}))
        assert "result_changed" not in answers[-1]
    return answers


@pytest.mark.parametrize("result_format", ["json", "json_detail", "json_bi", "csv", "txt", "md", "html"])
def test_a_million_rows(http: Any, result_format: str) -> None:
    server = http(**ALL_ROWS)
    answer = server.answer("query", {**WIDE, "limit": MILLION, "result_format": result_format})
    cut = answer["truncated"]
    assert cut["reason"] == "result_bytes" and cut["limit"] == 100_000
    assert len(json.dumps(answer)) < 135_000  # quotes in a text are escaped
    if result_format != "html":  # which nobody can go on with
        assert 1000 < cut["returned"] < cut["total_at_least"] and answer["cursor"]
    if not SANITIZED:
        assert peak_mb(server) < 32


def test_a_million_rows_over_stdio(stdio: Any) -> None:
    server = stdio(**ALL_ROWS)
    answer = server.answer("query", {**WIDE, "limit": MILLION})
    assert answer["truncated"]["returned"] == len(answer["items"])
    if not SANITIZED:
        assert peak_mb(server) < 32


def ids_of(answers: list[dict[str, Any]], result_format: str) -> list[int]:
    """The first column of all rows, which each page begins with the names of."""
    if result_format == "json":
        return [row["orders.id"] for answer in answers for row in answer["items"]]
    ids = []
    for answer in answers:
        delimiter = "," if result_format == "csv" else "\t"
        names, *rows = csv.reader(io.StringIO(answer["text"]), delimiter=delimiter)
        assert names[0] == "Orders Id"
        ids += [int(row[0]) for row in rows]
    return ids


@pytest.mark.parametrize(
    "result_format,rows,max_bytes",
    [("json", 3000, 20_000), ("csv", 6000, 20_000), ("txt", 6000, 20_000)],
)
def test_following_cursors_gives_every_row_once(
    http: Any, result_format: str, rows: int, max_bytes: int
) -> None:
    """Each answer comes from another server: nothing of it is kept anywhere."""
    servers = [http(**ALL_ROWS), http(**ALL_ROWS)]
    asked = {**WIDE, "limit": rows, "result_format": result_format, "max_bytes": max_bytes}
    answers = [servers[0].answer("query", asked)]
    while "cursor" in answers[-1]:
        server = servers[len(answers) % 2]
        answers.append(server.answer("run_query", {"cursor": answers[-1]["cursor"]}))
    assert len(answers) > 5
    assert ids_of(answers, result_format) == list(range(1, rows + 1))
    assert answers[-1]["limit_reached"] and answers[-1]["limit"] == rows


def test_following_cursors_through_a_million_rows(http: Any) -> None:
    rows = 20_000 if SANITIZED else MILLION
    server = http(**ALL_ROWS)
    asked = {**WIDE, "limit": rows, "result_format": "csv", "max_bytes": rows * LARGEST // MILLION}
    answers = walk(server, asked)
    assert len(answers) > 3
    assert ids_of(answers, "csv") == list(range(1, rows + 1))
    assert answers[-1]["offset"] + answers[-1]["text"].count("\n") - 1 == rows


def test_a_cursor_is_no_way_to_other_data(http: Any, looker: Sandbox) -> None:
    """It names a query; whether that may be read is asked of whoever sends it."""
    server = http()
    cut = server.answer("query", {**WIDE, "max_bytes": 2000})
    looker.rules({"operation": "create_query_task", "status": 404, "body": '{"message":"Not found"}'})
    assert "no access" in server.failure("run_query", {"cursor": cut["cursor"]})["error"]
    looker.obey()
    for cursor in (cut["cursor"][:-1], cut["cursor"] + "A", cut["cursor"].swapcase(), "", "x" * 16000):
        assert "cursor" in server.failure("run_query", {"cursor": cursor})["error"]
    assert server.answer("run_query", {"cursor": cut["cursor"]})["items"]


def test_what_breaks_off_is_no_result(http: Any, looker: Sandbox) -> None:
    server = http()
    looker.rules({"operation": "query_task_results", "cut_after_bytes": 20_000})
    failed = server.failure("query", {**WIDE, "limit": 5000})
    assert "ended before the answer was complete" in failed["error"]
    for corrupt in ("truncate_json", "not_json", "bad_utf8", "deep", "html", "wrong_type"):
        looker.rules({"operation": "query_task_results", "corrupt": corrupt})
        assert server.failure("query", WIDE)["error"]


def test_a_row_that_is_too_large(http: Any, looker: Sandbox) -> None:
    server = http()
    rows = json.dumps([{"orders.id": 1, "orders.status": "x" * 3000, "orders.count": 1}] * 3)
    looker.rules({"operation": "query_task_results", "body": rows})
    failed = server.failure("query", {**WIDE, "max_bytes": 2000})
    assert "one row of the result takes 3" in failed["error"] and "max_bytes" in failed["error"]
    answer = server.answer("query", {**WIDE, "max_bytes": 7000})
    assert answer["truncated"]["returned"] == 2 and answer["truncated"]["total"] == 3


def test_a_list_without_end(http: Any, looker: Sandbox) -> None:
    """Lists are not held as they come either, whether Looker pages them or this server does."""
    server = http("--groups", "admin")
    count = 2_000 if SANITIZED else 200_000
    users = [{"id": str(n), "email": f"user{n}@example.com", "role_ids": ["1"] * 20} for n in range(count)]
    roles = [{"id": str(n), "name": "x" * 90} for n in range(count)]
    looker.rules(
        {"operation": "search_users", "body": json.dumps(users)},
        {"operation": "all_roles", "body": json.dumps(roles)},
    )
    users_page = server.answer("list_users")
    assert users_page["truncated"]["returned"] == users_page["next_offset"] == len(users_page["items"])
    roles_page = server.answer("list_roles", {"limit": 50, "offset": 70})
    assert [role["id"] for role in roles_page["items"]] == [str(n) for n in range(70, 120)]
    assert roles_page["total"] == count and roles_page["next_offset"] == 120
    if not SANITIZED:
        assert peak_mb(server) < 32


MANY = MILLION // 20 if SANITIZED else MILLION
RUN = {"body": {**WIDE, "limit": str(MANY)}, "operation": "run_inline_query"}


def run(result_format: str, **more: Any) -> dict[str, Any]:
    return {**RUN, "arguments": {"result_format": result_format}, **more}


def test_any_operation_with_an_answer_of_any_size(http: Any) -> None:
    """A million rows by the operation itself, which pages nothing and knows no row."""
    server = http("--groups", "api", **ALL_ROWS)
    rows = server.answer("call_operation", run("json", fields="orders.id"))
    assert rows["truncated"]["returned"] == len(rows["items"]) == rows["next_offset"]
    assert rows["total"] == MANY and set(rows["items"][0]) == {"orders.id"}
    text = server.answer("call_operation", run("csv"))
    assert text["text"].endswith("\n") and text["truncated"]["returned_bytes"] == len(text["text"])
    detail = server.answer("call_operation", run("json_detail", fields="fields{measures{name}}"))
    assert [m["name"] for m in detail["answer"]["fields"]["measures"]] == ["orders.count"]
    failed = server.failure("call_operation", run("json_detail"))
    assert "LOOKER_MAX_RESULT_BYTES" in failed["error"]
    if not SANITIZED:
        assert peak_mb(server) < 32


def test_two_large_results_are_compared(http: Any) -> None:
    """They are held for it, but only so much of each; what was not compared is not called equal."""
    server = http("--groups", "workflows", **ALL_ROWS)
    sides = {"project_id": "thelook", "branch": "hotfix"}
    same = server.answer("compare_query", {**WIDE, **sides, "limit": 200_000})
    assert same["equal"] is None and "only the first" in same["equal_note"]
    assert same["rows"]["branch"] == same["rows"]["production"] == same["rows"]["same"] > 10_000
    if not SANITIZED:
        assert peak_mb(server) < 40
