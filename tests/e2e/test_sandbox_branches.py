"""What looker-sandbox makes of a branch: errors, tests, content, explores and rows that differ from
production, imports, the cells, and rules for single requests. Talks to it over plain HTTP."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.sandbox import Sandbox

ORDERS = {"model": "thelook", "view": "orders", "fields": ["orders.id", "orders.count"], "limit": "4"}


class Session:
    """One user's session, in the dev workspace or in production."""

    def __init__(self, box: Sandbox, user: str, workspace: str = "dev") -> None:
        self.box, self.token = box, box.token_of(user)
        assert self.ask("PATCH", "/session", {"workspace_id": workspace})[0] == 200

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.box.port, timeout=20)
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, "/api/4.0" + path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text

    def get(self, path: str) -> Any:
        status, answer = self.ask("GET", path)
        assert status == 200, (path, answer)
        return answer

    def rows(self, query: dict[str, Any]) -> Any:
        status, answer = self.ask("POST", "/queries/run/json", query)
        assert status == 200, answer
        return answer

    def checkout(self, project: str, branch: str) -> int:
        return self.ask("PUT", f"/projects/{project}/git_branch", {"name": branch})[0]

    def save(self, path: str, content: str) -> None:
        status, answer = self.ask("PUT", "/projects/thelook/files", {"path": path, "content": content})
        assert status == 204, answer


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    box = Sandbox(Path(tmp_path_factory.mktemp("sandbox")))
    yield box
    box.process.assert_clean_end(box.process.terminate())


@pytest.fixture
def box(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def ada(box: Sandbox) -> Session:
    """On the branch feature/margin."""
    session = Session(box, "2")
    assert session.checkout("thelook", "feature/margin") == 200
    return session


@pytest.fixture
def production(box: Sandbox) -> Session:
    return Session(box, "2", "production")


def test_errors_are_of_the_branch(ada: Session, production: Session) -> None:
    found = ada.ask("POST", "/projects/thelook/validate")[1]["errors"]
    assert [(e["severity"], e["file_path"], e["line_number"]) for e in found] == [
        ("error", "models/thelook.model.lkml", 5),
        ("warning", "views/products.view.lkml", 3),
    ]
    assert found[0]["message"] == 'Could not find a view named "margins".'
    assert production.ask("POST", "/projects/thelook/validate")[1]["errors"] == []
    assert ada.ask("POST", "/projects/thelook/deploy_to_production")[0] == 422


def test_tests_fail_on_the_branch_only(ada: Session, production: Session) -> None:
    assert [r["success"] for r in ada.get("/projects/thelook/lookml_tests/run")] == [True, False]
    assert {r["success"] for r in production.get("/projects/thelook/lookml_tests/run")} == {True}


def broken(session: Session, query: str = "") -> list[tuple[str, str, list[str]]]:
    found = session.get("/content_validation" + query)["content_with_errors"]
    kinds = ("dashboard_element", "dashboard_filter", "look")
    return [
        (kind, thing[kind]["id"], [error["field_name"] for error in thing["errors"]])
        for thing in found
        for kind in kinds
        if kind in thing
    ]


def test_content_loses_the_field_that_the_branch_removes(ada: Session, production: Session) -> None:
    lost = [("look", "3", ["users.average_age"]), ("dashboard_element", "3", ["users.average_age"])]
    assert broken(ada)[-2:] == lost and len(broken(ada)) == 4
    assert ("look", "3", ["users.average_age"]) not in broken(production)
    assert broken(ada, "?project_names=analytics") == []
    assert broken(ada, "?space_ids=1")[-1:] == lost[:1]


def test_an_explore_that_is_removed_is_missed(ada: Session) -> None:
    ada.save("views/users.view.lkml", "#sandbox removes_explore users\n")
    ada.save("README.md", "#sandbox adds_explore returns orders\n")
    models = {m["name"]: [e["name"] for e in m["explores"]] for m in ada.get("/lookml_models")}
    assert models["thelook"] == ["orders", "order_items", "products", "audit", "returns"]
    assert models["analytics"] == ["sessions", "events"] and len(models["big"]) == 663
    query = {"model": "thelook", "view": "users", "fields": ["users.id"], "limit": "1"}
    assert ada.ask("POST", "/queries/run/json", query)[0] == 422
    assert [r["orders.id"] for r in ada.rows({**ORDERS, "view": "returns"})] == [1, 2, 3, 4]
    assert ada.ask("GET", "/lookml_models/thelook/explores/users")[0] == 404
    errors = ada.get("/content_validation")["content_with_errors"][-1]["errors"]
    assert [e["message"] for e in errors] == ['Could not find explore "users"']


def test_rows_are_of_the_branch(ada: Session, production: Session) -> None:
    ours, theirs = ada.rows(ORDERS), production.rows(ORDERS)
    assert [r["orders.id"] for r in theirs] == [1, 2, 3, 4]
    assert [r["orders.id"] for r in ours] == [3, 4, 5, 6]
    counts = {r["orders.id"]: r["orders.count"] for r in theirs}
    same = {r["orders.id"]: r["orders.count"] == counts[r["orders.id"]] for r in ours[:2]}
    assert same == {3: True, 4: False}
    ada.save("views/orders.view.lkml", "#sandbox has_rows orders 2\n")
    assert ada.rows(ORDERS) == theirs[:2]
    assert ada.rows({**ORDERS, "sorts": ["orders.id desc"]})[0] == theirs[1]


def test_fields_are_of_the_branch(ada: Session, production: Session) -> None:
    query = {"model": "thelook", "view": "order_items", "fields": ["order_items.margin"], "limit": "1"}
    assert len(ada.rows(query)) == 1
    assert production.ask("POST", "/queries/run/json", query)[0] == 422
    path = "/lookml_models/thelook/explores/"
    for session, there in ((ada, True), (production, False), (ada, True)):
        names = [f["name"] for f in session.get(path + "order_items")["fields"]["measures"]]
        assert ("order_items.margin" in names) == there
        names = [f["name"] for f in session.get(path + "users")["fields"]["measures"]]
        assert ("users.average_age" in names) != there and "users.count" in names


def test_an_explore_breaks_on_the_branch(ada: Session, production: Session) -> None:
    query = {"model": "thelook", "view": "products", "fields": ["products.id"], "limit": "1"}
    assert "looker_error" in ada.rows(query)[0]
    assert production.rows(query) == [{"products.id": 1}]


def test_another_user_sees_another_branch(ada: Session, production: Session) -> None:
    other = Session(ada.box, "3")
    assert other.rows(ORDERS) == production.rows(ORDERS) != ada.rows(ORDERS)


def test_what_a_deployed_branch_changes_is_production(ada: Session, production: Session) -> None:
    ada.save("models/thelook.model.lkml", "explore: orders {}\n")
    assert ada.ask("POST", "/projects/thelook/deploy_to_production")[0] == 204
    assert production.rows(ORDERS) == ada.rows(ORDERS)
    assert ("look", "3", ["users.average_age"]) in broken(production)


def test_manifests_import(box: Sandbox) -> None:
    session = Session(box, "2")
    remote = {"name": "blocks", "url": "https://git.example.com/blocks.git", "ref": "v1.2", "is_remote": True}

    def local(name: str) -> dict[str, Any]:
        return {"name": name, "url": None, "ref": None, "is_remote": False}

    assert session.get("/projects/thelook/manifest")["imports"] == [remote]
    assert session.get("/projects/retail/manifest")["imports"] == [remote, local("common"), local("finance")]
    assert session.get("/projects/finance/manifest")["imports"] == [local("common")]
    assert session.get("/projects/common/manifest")["imports"] == []
    assert session.checkout("common", "feature/tax") == 200
    assert session.checkout("finance", "feature/tax") == 404


def test_cells_count_switches(ada: Session) -> None:
    cell = {"user": "2", "project": "thelook", "branch": "feature/margin", "puts": 1, "switches": 1}
    assert ada.box.control("GET", "/_sandbox/cells") == [cell]
    ada.checkout("thelook", "feature/margin")
    ada.checkout("thelook", "none")
    assert ada.box.control("GET", "/_sandbox/cells") == [{**cell, "puts": 2}]
    ada.box.control("DELETE", "/_sandbox/cells")
    ada.checkout("thelook", "hotfix")
    hotfix = {**cell, "branch": "hotfix"}
    assert ada.box.control("GET", "/_sandbox/cells") == [hotfix]
    Session(ada.box, "3").checkout("retail", "feature/tax")
    tax = {"user": "3", "project": "retail", "branch": "feature/tax", "puts": 1, "switches": 1}
    assert ada.box.control("GET", "/_sandbox/cells") == [hotfix, tax]


def test_a_cell_moves_behind_everyones_back(ada: Session) -> None:
    wanted = {"user": "2", "project": "thelook", "branch": "hotfix"}
    ada.box.control("POST", "/_sandbox/cells", wanted)
    assert ada.get("/projects/thelook/git_branch")["name"] == "hotfix"
    assert ada.box.control("GET", "/_sandbox/cells") == [{**wanted, "puts": 1, "switches": 1}]
    with pytest.raises(AssertionError, match="400"):
        ada.box.control("POST", "/_sandbox/cells", {**wanted, "branch": "none"})


def test_records_say_which_branch_was_seen(ada: Session, production: Session) -> None:
    ada.box.control("DELETE", "/_sandbox/requests")
    ada.rows(ORDERS)
    production.rows(ORDERS)
    ada.get("/content_validation?project_names=thelook")
    ada.checkout("thelook", "hotfix")
    ada.get("/projects/thelook/git_branch")
    ada.get("/user")
    seen = [r["branch"] for r in ada.box.requests()]
    assert seen == ["feature/margin", "main", "feature/margin", "feature/margin", "hotfix", None]


def test_rules_pick_one_request(ada: Session, production: Session) -> None:
    other = Session(ada.box, "3")
    ada.box.rules(
        {"operation": "git_branch", "user": "3", "after": 1, "times": 1, "status": 500},
        {"operation": "git_branch", "workspace": "production", "times": 1, "status": 503},
        {"operation": "git_branch", "path": "/projects/retail/", "status": 504},
    )
    branch = "/projects/thelook/git_branch"
    assert [ada.ask("GET", branch)[0] for _ in range(3)] == [200] * 3
    assert [other.ask("GET", branch)[0] for _ in range(3)] == [200, 500, 200]
    assert [production.ask("GET", branch)[0] for _ in range(2)] == [503, 200]
    assert ada.ask("GET", "/projects/retail/git_branch")[0] == 504


@pytest.mark.parametrize("obeyed", [True, False])
def test_an_answer_is_lost_of_what_was_done_or_not(ada: Session, obeyed: bool) -> None:
    ada.box.rules({"operation": "update_git_branch", "status": 502, "obeyed": obeyed})
    assert ada.checkout("thelook", "hotfix") == 502
    now = ada.get("/projects/thelook/git_branch")["name"]
    assert now == ("hotfix" if obeyed else "feature/margin")


def test_what_was_asked_is_done_later(ada: Session) -> None:
    ada.box.rules({"operation": "update_git_branch", "times": 1, "late_ms": 150})
    branch = "/projects/thelook/git_branch"
    assert ada.checkout("thelook", "hotfix") == 504
    assert ada.get(branch)["name"] == "feature/margin"
    deadline = time.monotonic() + 10
    while ada.get(branch)["name"] != "hotfix":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ada.box.rules({"operation": "update_git_branch", "late_ms": 0, "status": 502})
    assert ada.checkout("thelook", "feature/margin") == 502
    assert ada.get(branch)["name"] == "feature/margin"


def test_what_was_to_be_done_later_is_forgotten(ada: Session) -> None:
    ada.box.rules({"operation": "update_git_branch", "late_ms": 20})
    assert ada.checkout("thelook", "hotfix") == 504
    ada.box.reset()
    time.sleep(0.05)
    assert ada.box.control("GET", "/_sandbox/cells") == []
