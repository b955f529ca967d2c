"""Judging a branch before it is merged, check_branch and compare_query; and where a deploy stops."""

import json
from typing import Any

from harness.cases import Case, Got

SHOP = {"project_id": "thelook"}
MARGIN = {**SHOP, "branch": "feature/margin"}
MARGIN_REF = "4" * 40


def on(branch: str) -> list[tuple[str, dict[str, Any]]]:
    return [("switch_git_branch", {**SHOP, "branch_name": branch})]


def statuses(got: Got) -> dict[str, str]:
    return {s["step"]: s["status"] for s in got.answer["steps"]}


def all_is_told(got: Got) -> None:
    answer, new = got.answer, got.answer["new"]
    assert (answer["valid"], answer["outcome"], answer["ref"]) == (False, "done", MARGIN_REF)
    assert [(e["severity"], e["file_path"], e["line_number"]) for e in new["lookml"]["items"]] == [
        ("error", "models/thelook.model.lkml", 5),
        ("warning", "views/products.view.lkml", 3),
    ]
    (test,) = new["tests"]["items"]
    assert (test["test_name"], test["in_production"]) == ("margin_is_known", "absent")
    assert (test["file_path"], test["line_number"]) == ("tests/orders.test.lkml", 5)
    assert [(c["kind"], c["id"]) for c in new["content"]["items"]] == [("look", "3"), ("dashboard_element", "3")]
    assert new["content"]["items"][1]["dashboard"]["title"] == "Business Pulse"
    assert new["explores"] is None and answer["checks"]["explores"] is None
    assert answer["checks"]["content"] == {
        **{"valid": False, "branch": 5, "production": 3},
        **{"on_both": 3, "gone": 0},
    }
    assert {r["workspace"] for r in got.requests if r["operation"] == "validate_project"} == {"dev", "production"}
    assert got.operations.count("update_git_branch") == 2 and "restore" not in got.answer
    own = [r for r in got.requests if r["workspace"] == "dev" and "git_branch" not in r["operation"]]
    assert {r["branch"] for r in own} == {"feature/margin"}


def explores_are_compiled(got: Got) -> None:
    answer = got.answer
    (refused,) = answer["new"]["explores"]["items"]
    assert (refused["model"], refused["explore"], refused["in_production"]) == ("thelook", "products", "works")
    assert "does not exist" in refused["error"]
    assert answer["checks"]["explores"]["run"] == 5
    assert answer["new"]["lookml"]["count"] == 1 and answer["new"]["lookml"]["total"] == 2
    assert answer["new"]["tests"] is None and answer["new"]["content"] is None
    queries = [r for r in got.requests if r["operation"] == "run_inline_query"]
    # Dimensions and measures of each, but for the one that is refused; that in production too.
    assert len(queries) == 11 and all('"limit":"0"' in r["body"] for r in queries)
    assert all("orders.internal_note" not in r["body"] for r in queries)
    assert {r["user"] for r in queries} == {"2"}


def named_explores(got: Got) -> None:
    assert got.answer["checks"]["explores"]["run"] == 2 and got.answer["valid"] is False
    assert got.answer["checks"]["explores"]["valid"] is True


def nothing_is_new(got: Got) -> None:
    assert got.answer["valid"] is None and "1 commits" in got.answer["valid_note"]
    assert got.answer["ref"] == "3" * 40
    assert all(part["valid"] for part in got.answer["checks"].values() if part)
    assert got.answer["behind"] == 1 and "lacks (1)" in got.answer["left_to_do"][0]


def production_is_wrong_too(got: Got) -> None:
    """What was deployed with the warning and the lost field is not held against the branch."""
    checks = got.answer["checks"]
    assert got.answer["valid"] is True
    assert (checks["lookml"]["branch"], checks["lookml"]["on_both"]) == (1, 1)
    assert checks["content"]["on_both"] == checks["content"]["branch"] == 5


def imports_come_along(got: Got) -> None:
    """To the branch where they have it; and back."""
    moved = [r["path"].split("/")[-2] for r in got.requests if r["operation"] == "update_git_branch"]
    assert sorted(moved) == ["common", "common", "retail", "retail"]
    assert (got.answer["valid"], got.answer["branch"]) == (True, "feature/tax")


def content_is_not_known(got: Got) -> None:
    assert got.answer["valid"] is False and got.answer["outcome"] == "partial"
    assert got.answer["checks"]["content"]["valid"] is None and got.answer["new"]["content"] is None
    assert got.answer["new"]["tests"]["total"] == 1 and statuses(got)["content_branch"] == "failed"


def no_such_project(got: Got) -> None:
    assert "list_projects" in got.answer["error"] and set(got.operations) == {"git_branch"}


def wrong_explore(got: Got) -> None:
    assert "explores[0]" in got.answer["error"]
    assert set(got.operations) <= {"git_branch", "update_git_branch"}


def explore_is_nowhere(got: Got) -> None:
    error = got.answer["error"]
    assert "explores[1]" in error and 'no explore "nope" in model "thelook"' in error
    assert got.answer["kind"] == "argument" and "validate_project" not in got.operations


# ---- compare_query ----


def rows_differ(got: Got) -> None:
    answer = got.answer
    assert answer["equal"] is False and "limit of 4 rows" in answer["equal_note"]
    counts = {"branch": 4, "production": 4, "same": 1, "changed": 1, "added": 2, "removed": 2}
    assert answer["rows"] == counts and answer["key"] == ["orders.id"]
    assert answer["columns_changed"] == {"orders.count": 1}
    (change,) = answer["changed"]["items"]
    values = change["columns"]["orders.count"]
    assert change["key"] == {"orders.id": 4} and values["production"] != values["branch"]
    assert [row["orders.id"] for row in answer["added"]["items"]] == [5, 6]
    assert [row["orders.id"] for row in answer["removed"]["items"]] == [1, 2]
    queries = [r for r in got.requests if r["operation"] == "create_query_task"]
    assert {(r["workspace"], r["branch"]) for r in queries} == {("dev", "feature/margin"), ("production", "main")}


def rows_are_equal(got: Got) -> None:
    assert got.answer["equal"] is True and got.answer["rows"]["same"] == 500


def new_measure_is_named(got: Got) -> None:
    assert got.answer["equal"] is False and got.answer["only_on_branch"] == ["order_items.margin"]
    assert "the others are equal" in got.answer["equal_note"]


def lost_dimension_is_named(got: Got) -> None:
    assert got.answer["equal"] is None and got.answer["only_in_production"] == ["users.average_age"]
    assert "create_query" not in got.operations


def all_arguments(got: Got) -> None:
    bodies = [json.loads(r["body"]) for r in got.requests if r["operation"] == "create_query"]
    assert len(bodies) == 2 and bodies[0] == bodies[1]
    assert {k: bodies[0][k] for k in FULL} == {**FULL, "limit": "20", "column_limit": "5"}
    assert got.answer["equal"] is True and got.answer["key"] == ["orders.created_month"]
    assert {r["user"] for r in got.requests if r["operation"] == "create_query"} == {"2"}


def fails_on_the_branch(got: Got) -> None:
    assert got.answer["error"].startswith("on the branch, though not in production")
    assert "database encountered an error" in got.answer["detail"]


def nobody_has_it(got: Got) -> None:
    assert "orders.nothing" in got.answer["error"] and "create_query" not in got.operations


def no_such_explore(got: Got) -> None:
    assert "order" in got.answer["error"] and "list_models" in got.answer["error"]
    assert "create_query" not in got.operations


QUERY = {**MARGIN, "model": "thelook", "view": "orders"}
SUMS = {**MARGIN, "model": "thelook", "view": "order_items"}
FULL = {
    "fields": ["orders.created_month", "orders.status", "order_items.count", "half"],
    "filters": {"orders.status": "complete,shipped"},
    "filter_expression": "${order_items.count} > 0",
    "sorts": ["orders.created_month desc"],
    "limit": 20,
    "column_limit": 5,
    "pivots": ["orders.status"],
    "fill_fields": ["orders.created_month"],
    "query_timezone": "UTC",
    "dynamic_fields": '[{"table_calculation":"half","expression":"${order_items.count}/2"}]',
}

# ---- deploying ----


def deploy_was_refused(got: Got) -> None:
    """Everything before it was done, on one branch, and is said to be there."""
    expected = {"write_file": "done", "validate": "done", "deploy_to_production": "failed"}
    assert got.answer["outcome"] == "failed" and statuses(got).items() >= expected.items()
    assert got.answer["stopped_at"] == "deploy_to_production" and got.answer["status"] == 422
    assert got.answer["deployed"] is False and "production is as it was" in got.answer["left_to_do"][-1]
    assert {r["branch"] for r in got.requests if r["workspace"] == "dev"} == {"hotfix", None}


def production_was_not_reached(got: Got) -> None:
    assert got.answer["stopped_at"] == "read_branch" and got.operations == ["git_branch"]


NEW_VIEW = {**SHOP, "files": {"views/refunds.view.lkml": "view: refunds {}"}}
WRONG_TOO = "view: users {}\n\n\n#sandbox removes_field users.average_age\n#sandbox warning Old.\n"

CASES = [
    Case("check_branch", MARGIN, check=all_is_told),
    Case(
        "check_branch",
        {
            **MARGIN,
            **{"act_as_user": "2", "explores": ["all"], "tests": False, "content": False},
            **{"limit": 1, "timeout": 30, "imports": False},
        },
        check=explores_are_compiled,
    ),
    Case(
        "check_branch",
        {**MARGIN, "explores": ["thelook/orders", "thelook::users"]},
        check=named_explores,
    ),
    Case("check_branch", {**SHOP, "branch": "hotfix"}, check=nothing_is_new),
    Case(
        "check_branch",
        {**SHOP, "branch": "later"},
        check=production_is_wrong_too,
        before=[
            ("create_git_branch", {**SHOP, "branch_name": "first"}),
            ("update_file", {**SHOP, "file_id": "views/users.view.lkml", "content": WRONG_TOO}),
            ("deploy_to_production", SHOP),
            ("create_git_branch", {**SHOP, "branch_name": "later"}),
            (
                "update_file",
                {**SHOP, "file_id": "views/users.view.lkml", "content": "# moved\n" + WRONG_TOO},
            ),
        ],
    ),
    Case(
        "check_branch",
        MARGIN,
        check=content_is_not_known,
        rules=[{"operation": "content_validation", "workspace": "dev", "status": 500}],
    ),
    Case(
        "compare_query",
        {**QUERY, "fields": ["orders.id", "orders.count"], "limit": 4},
        check=rows_differ,
    ),
    Case("compare_query", {**SUMS, "fields": ["products.id"]}, check=rows_are_equal),
    Case(
        "compare_query",
        {**SUMS, "fields": ["products.id", "order_items.count", "order_items.margin"]},
        check=new_measure_is_named,
    ),
    Case(
        "compare_query",
        {**QUERY, "view": "users", "fields": ["users.state", "users.count"], "sorts": ["users.average_age"]},
        check=lost_dimension_is_named,
    ),
    Case(
        "compare_query",
        {**SUMS, **FULL, "max_differences": 5, "imports": False, "act_as_user": "2"},
        check=all_arguments,
    ),
    Case(
        "compare_query",
        {**QUERY, "view": "products", "fields": ["products.id"]},
        check=fails_on_the_branch,
        fails=True,
    ),
    Case(
        "compare_query",
        {**QUERY, "fields": ["orders.id", "orders.nothing"]},
        check=nobody_has_it,
        fails=True,
    ),
    Case("compare_query", {**QUERY, "view": "order", "fields": ["orders.id"]}, check=no_such_explore, fails=True),
    Case("compare_query", {**QUERY, "model": "order", "fields": ["orders.id"]}, check=no_such_explore, fails=True),
    Case(
        "deploy_lookml_changes",
        NEW_VIEW,
        check=deploy_was_refused,
        before=on("hotfix"),
        rules=[{"operation": "deploy_to_production", "status": 422}],
        fails=True,
    ),
    Case(
        "deploy_lookml_changes",
        NEW_VIEW,
        check=production_was_not_reached,
        rules=[{"operation": "git_branch", "status": 500}],
        fails=True,
    ),
    Case(
        "check_branch",
        {"project_id": "retail", "branch": "feature/tax", "imports": True},
        check=imports_come_along,
        missing=("find_git_branch",),
    ),
    Case("check_branch", {"project_id": "none", "branch": "x"}, check=no_such_project, fails=True),
    Case("check_branch", {**MARGIN, "explores": ["orders"]}, check=wrong_explore, fails=True),
    Case(
        "check_branch",
        {**MARGIN, "explores": ["thelook/orders", "thelook/nope"]},
        check=explore_is_nowhere,
        fails=True,
    ),
]
