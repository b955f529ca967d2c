"""Each tool that borrows a branch, on one: what it says is the branch's, and the branch that was checked
out before is there again when it answers."""

import json
from collections.abc import Callable
from typing import Any

from harness.cases import Case, Got

BRANCH = "feature/margin"
HERE = {"project_id": "thelook", "branch": BRANCH}
EVERYWHERE = {**HERE, "imports": True}
QUERY = {"model": "thelook", "view": "orders", "fields": ["orders.id", "orders.count"], "limit": 4}
NEW = {"file_id": "views/new.view.lkml", "content": "view: new {}"}


def borrowed(operation: str, more: Callable[[Got], Any] = lambda got: None) -> Callable[[Got], None]:
    """The operation saw the branch, in the dev workspace, between a check-out and its return."""

    def check(got: Got) -> None:
        asked = got.operations
        out, back = (i for i, name in enumerate(asked) if name == "update_git_branch")
        at = asked.index(operation)
        request = got.requests[at]
        assert out < at < back and set(asked[back + 1 :]) <= {"git_branch"}, asked
        assert (request["branch"], request["workspace"]) == (BRANCH, "dev")
        assert json.loads(got.requests[out]["body"]) == {"name": BRANCH}
        home = json.loads(got.requests[back]["body"])["name"]
        assert home == got.requests[out]["branch"] != BRANCH
        assert "restore" not in got.answer
        more(got)

    return check


def rows_of_the_branch(got: Got) -> None:
    """Which lacks the first two."""
    assert [row["orders.id"] for row in got.items] == [3, 4, 5, 6]


def may_be_of_another_branch(got: Got) -> None:
    assert got.answer["status"] == "rendering" and "another branch" in got.answer["how"]


def one_error(got: Got) -> None:
    assert got.answer["valid"] is False and got.answer["errors"]["items"][0]["line_number"] == 5


def its_manifest(got: Got) -> None:
    assert "margins" in got.answer["content"]


def its_test(got: Got) -> None:
    assert "margin_is_known" in {test["name"] for test in got.items}


def its_test_fails(got: Got) -> None:
    assert got.answer["passed"] is False or got.answer["failed"] == 1


def saved(before: list) -> dict:
    return {**EVERYWHERE, "query_id": before[0]["query_id"]}


CASES = [
    Case("query", {**QUERY, **EVERYWHERE}, borrowed("create_query_task", rows_of_the_branch)),
    Case("query_sql", {**QUERY, **EVERYWHERE}, borrowed("run_inline_query")),
    Case("query_url", {**QUERY, **EVERYWHERE}, borrowed("create_query")),
    Case("run_query", saved, borrowed("create_query_task", rows_of_the_branch), before=[("query_url", QUERY)]),
    Case("run_look", {**EVERYWHERE, "look_id": "1"}, borrowed("create_query_task")),
    Case(
        "render_query",
        {**QUERY, **EVERYWHERE, "width": 40, "height": 30},
        borrowed("create_query"),
    ),
    # What is not done when the branch is given back may become another's.
    Case(
        "render_query",
        {**QUERY, **EVERYWHERE, "width": 999, "height": 10, "max_wait_seconds": 0.6},
        borrowed("create_query", may_be_of_another_branch),
    ),
    Case("list_project_files", EVERYWHERE, borrowed("all_project_files")),
    Case(
        "get_file",
        {**EVERYWHERE, "file_id": "models/thelook.model.lkml"},
        borrowed("get_project_file_content", its_manifest),
    ),
    Case("create_file", {**EVERYWHERE, **NEW}, borrowed("create_project_file")),
    Case(
        "update_file",
        {**EVERYWHERE, "file_id": "views/users.view.lkml", "content": "view: users {}"},
        borrowed("update_project_file"),
    ),
    Case("delete_file", {**EVERYWHERE, "file_id": "README.md"}, borrowed("delete_project_file")),
    Case("validate_project", EVERYWHERE, borrowed("validate_project", one_error)),
    Case("list_lookml_tests", EVERYWHERE, borrowed("all_lookml_tests", its_test)),
    Case("run_lookml_tests", EVERYWHERE, borrowed("run_lookml_test", its_test_fails)),
    # An error of the tool gives back as well.
    Case(
        "get_file",
        {**HERE, "file_id": "views/none.view.lkml"},
        borrowed("project_file"),
        fails=True,
        missing=("get_project_file_content", "project_file"),
    ),
    Case("query", {**QUERY, "fields": ["orders.nope"], **HERE}, borrowed("lookml_model_explore"), fails=True),
    # Partners are missed before anything is asked.
    Case("query", {**QUERY, "branch": BRANCH}, lambda got: unasked(got, "project_id"), fails=True),
    Case("query", {**QUERY, "project_id": "thelook"}, lambda got: unasked(got, "branch"), fails=True),
    Case("query", {**QUERY, **HERE, "branch": " "}, lambda got: unasked(got, "branch"), fails=True),
    Case("get_file", {**HERE, "branch": "", "file_id": "x"}, lambda got: unasked(got, "branch"), fails=True),
    Case(
        "validate_project",
        {"project_id": "thelook", "imports": True},
        lambda got: unasked(got, "branch"),
        fails=True,
    ),
    Case(
        "query",
        {**QUERY, **HERE, "act_as_user": "pool"},
        lambda got: unasked(got, "LOOKER_CI_USERS"),
        fails=True,
    ),
]


def unasked(got: Got, word: str) -> None:
    assert word in got.answer["error"] and got.operations == []
