"""looker-sandbox itself: what other tests lean on must hold. Talks to it over plain HTTP.

LOOKER_SANDBOX names the binary (default: that of LK_BUILD_DIR, or build/looker-sandbox).
"""

from __future__ import annotations

import csv
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BUILD = Path(os.environ.get("LK_BUILD_DIR", ROOT / "build"))
BINARY = Path(os.environ.get("LOOKER_SANDBOX", BUILD / "looker-sandbox"))
JSON = {"Content-Type": "application/json"}
ORDERS = {"model": "thelook", "view": "orders", "fields": ["orders.id", "orders.status"]}


class Box:
    """A running sandbox and a client of it that is logged in."""

    def __init__(self, *arguments: str) -> None:
        environment = {
            **os.environ,
            "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
            "UBSAN_OPTIONS": "exitcode=99",
        }
        self.process = subprocess.Popen(
            [str(BINARY), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("looker-sandbox listening on "), line
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.token = ""

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        raw: bool = False,
    ) -> tuple[int, Any]:
        """Status and body; the body decoded when it is JSON and `raw` is not set."""
        connection = self.connect()
        sent = {} if not self.token else {"Authorization": f"token {self.token}"}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            sent.update(JSON)
        sent.update(headers or {})
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if not raw and answer.headers.get("Content-Type", "").startswith("application/json"):
            return answer.status, json.loads(data)
        return answer.status, data

    def api(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        return self.ask(method, "/api/4.0" + path, body, **more)

    def get(self, path: str) -> Any:
        status, answer = self.api("GET", path)
        assert status == 200, (path, status, answer)
        return answer

    def login(self, secret: str = "sandbox-secret") -> tuple[int, Any]:
        form = urlencode({"client_id": "sandbox-id", "client_secret": secret})
        status, answer = self.api(
            "POST", "/login", form, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        if status == 200:
            self.token = answer["access_token"]
        return status, answer

    def control(self, method: str, path: str, body: Any = None) -> None:
        assert self.ask(method, "/_sandbox" + path, body)[0] == 204

    def rules(self, *rules: dict[str, Any]) -> None:
        status, answer = self.ask("POST", "/_sandbox/rules", list(rules))
        assert status == 204, answer

    def reset(self) -> None:
        assert self.ask("POST", "/_sandbox/reset")[0] == 204
        self.login()

    def peak_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, errors
        assert errors == ""


@pytest.fixture(scope="module")
def running() -> Iterator[Box]:
    box = Box()
    yield box
    box.stop()


@pytest.fixture
def box(running: Box) -> Box:
    running.reset()
    return running


def refusal(answer: Any) -> str:
    """Checks Looker's error shape; answers the message, or the field of the first error."""
    assert set(answer) >= {"message", "documentation_url"}, answer
    if answer["message"] != "Validation Failed":
        return answer["message"]
    assert all({"field", "code", "message"} <= set(error) for error in answer["errors"])
    return answer["errors"][0]["field"]


# ---- login and sessions


def test_login_gives_a_token_that_both_schemes_carry(box: Box) -> None:
    status, answer = box.login()
    assert status == 200
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    for scheme in ("token", "Bearer"):
        status, me = box.api("GET", "/user", headers={"Authorization": f"{scheme} {box.token}"})
        assert (status, me["email"]) == (200, "service@example.com")


def test_wrong_credentials_are_not_found(box: Box) -> None:
    status, answer = box.login("wrong")
    assert status == 404 and refusal(answer) == "Not found"


def test_credentials_in_the_url_are_refused(box: Box) -> None:
    status, answer = box.api("POST", "/login?client_id=sandbox-id&client_secret=sandbox-secret")
    assert status == 400 and "URL" in refusal(answer)


@pytest.mark.parametrize("header", ["", "token nonsense", "token 00000001ffffffffffffffff", "Basic x"])
def test_without_a_valid_token_nothing_is_answered(box: Box, header: str) -> None:
    status, answer = box.api("GET", "/user", headers={"Authorization": header})
    assert status == 401 and refusal(answer) == "Requires authentication."


def test_tokens_expire() -> None:
    box = Box("--token-ttl", "1")
    try:
        assert box.login()[1]["expires_in"] == 1
        assert box.api("GET", "/user")[0] == 200
        time.sleep(1.1)
        assert box.api("GET", "/user")[0] == 401
    finally:
        box.stop()


def test_logout_ends_the_token(box: Box) -> None:
    assert box.api("DELETE", "/logout") == (204, b"")
    assert box.api("GET", "/user")[0] == 401
    state = box.ask("GET", "/_sandbox/state")[1]
    assert (state["logouts"], state["live_tokens"]) == (1, 0)


def test_sudo_acts_as_the_user_and_not_as_a_disabled_or_unknown_one(box: Box) -> None:
    service = box.token
    box.token = box.api("POST", "/login/3")[1]["access_token"]
    assert box.get("/user")["id"] == "3"
    assert box.get("/session")["sudo_user_id"] == "1"
    box.token = service
    assert box.api("POST", "/login/8")[0] == 403
    assert box.api("POST", "/login/99")[0] == 404


def test_the_workspace_belongs_to_the_token(box: Box) -> None:
    assert box.get("/session")["workspace_id"] == "production"
    assert box.api("PATCH", "/session", {"workspace_id": "dev"})[1]["workspace_id"] == "dev"
    box.login()
    assert box.get("/session")["workspace_id"] == "production"
    assert refusal(box.api("PATCH", "/session", {"workspace_id": "x"})[1]) == "workspace_id"


def test_projects_change_in_the_dev_workspace_only(box: Box) -> None:
    assert box.api("POST", "/projects", {"name": "new"})[0] == 403
    box.api("PATCH", "/session", {"workspace_id": "dev"})
    assert box.api("POST", "/projects", {"name": "new"})[0] == 200


def test_it_says_its_versions_and_that_it_lives_to_anybody(box: Box) -> None:
    box.token = ""
    assert box.ask("GET", "/alive") == (200, b"alive\n")
    for root in ("", "/api/4.0"):
        status, answer = box.ask("GET", root + "/versions")
        assert (status, answer["current_version"]["version"]) == (200, "4.0")
    assert box.ask("POST", "/versions")[0] == 405
    assert box.ask("GET", "/")[0] == 404


# ---- strictness


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/user/", 404),
        ("GET", "/users//", 404),
        ("GET", "/dashboards/1/nothing", 404),
        ("GET", "/users/%zz", 404),
        ("PUT", "/user", 405),
        ("GET", "/user?email=a", 400),
        ("GET", "/users?email=ada@example.com", 400),
        ("GET", "/users?limit=1&limit=2", 400),
        ("GET", "/users?limit=ten", 400),
        ("GET", "/users?limit=", 400),
        ("GET", "/users/search?is_disabled=True", 400),
        ("GET", "/user?fields=id,nonsense", 400),
        ("GET", "/user?fields=id,(", 400),
        ("GET", "/query_tasks/multi_results", 400),
        ("GET", "/dashboards/99", 404),
        ("GET", "/dashboards/99/dashboard_elements", 404),
        ("GET", "/connections/none/schemas", 404),
        ("GET", "/connections/warehouse/schemas?database=none", 404),
        ("GET", "/lookml_models/thelook/explores/none", 404),
    ],
)
def test_requests_that_the_tables_do_not_have(
    box: Box, method: str, path: str, status: int
) -> None:
    got, answer = box.api(method, path)
    assert got == status, answer
    assert refusal(answer)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bogus": 1}, "bogus"),
        ({"id": "7"}, "id"),
        ({"limit": 500}, "limit"),
        ({"fields": "orders.id"}, "fields"),
        ({"fields": ["orders.id", 3]}, "fields[1]"),
        ({"filters": {"orders.status": 1}}, "filters.orders.status"),
        ({"model": None}, "model"),
        ({"total": "yes"}, "total"),
        ({"view": "none"}, "view"),
        ({"fields": ["orders.none"]}, "fields"),
        ({"filters": {"orders.none": "x"}}, "filters"),
        ({"sorts": ["nothing desc"]}, "sorts"),
        ({"pivots": ["orders.created_date"]}, "pivots"),
        ({"limit": "many"}, "limit"),
        ({"dynamic_fields": "{"}, "dynamic_fields"),
    ],
)
def test_bodies_that_the_tables_do_not_have(box: Box, change: dict[str, Any], field: str) -> None:
    for path in ("/queries", "/queries/run/json"):
        status, answer = box.api("POST", path, {**ORDERS, **change})
        assert (status, refusal(answer)) == (422, field)


def test_a_missing_required_field_has_its_own_code(box: Box) -> None:
    status, answer = box.api("POST", "/queries", {"view": "orders"})
    assert status == 422
    assert (answer["errors"][0]["field"], answer["errors"][0]["code"]) == ("model", "missing_field")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("{", JSON, 400),
        ('{"model":"thelook","model":"thelook","view":"orders"}', JSON, 422),
        ("[]", JSON, 422),
        ("[" * 10000, JSON, 400),
        (b'{"model":"\xff"}', JSON, 400),
        (json.dumps(ORDERS), {"Content-Type": "text/plain"}, 415),
        (json.dumps(ORDERS), {}, 415),
        ("", JSON, 400),
    ],
)
def test_bodies_that_are_no_query(box: Box, body: Any, headers: Any, status: int) -> None:
    got, answer = box.api("POST", "/queries", body, headers=headers)
    assert got == status and refusal(answer)


def test_a_body_where_none_belongs(box: Box) -> None:
    assert box.api("GET", "/user", {"a": 1})[0] == 400


def test_bodies_of_read_only_fields_alone_are_accepted(box: Box) -> None:
    assert box.api("POST", "/groups/2/users", {"user_id": "3"})[0] == 200


def test_an_encoded_slash_stays_in_its_segment(box: Box) -> None:
    name = "feature/a b"
    box.api("PATCH", "/session", {"workspace_id": "dev"})
    status, branch = box.api("POST", "/projects/thelook/git_branch", {"name": name})
    assert (status, branch["name"]) == (200, name)
    assert box.get("/projects/thelook/git_branch/" + quote(name, safe=""))["name"] == name
    assert box.api("GET", "/projects/thelook/git_branch/feature/a")[0] == 404


# ---- projects


def in_dev(box: Box) -> None:
    assert box.api("PATCH", "/session", {"workspace_id": "dev"})[0] == 200


def test_a_file_of_the_dev_workspace_reaches_production_by_a_deploy(box: Box) -> None:
    content = "/projects/thelook/file/content?file_path=views/new.view.lkml"
    in_dev(box)
    branch = box.get("/projects/thelook/git_branch")
    assert branch["name"].startswith("dev-sandbox-service-") and branch["personal"]
    written = {"path": "views/new.view.lkml", "content": "view: new {}"}
    assert box.api("POST", "/projects/thelook/files", written)[0] == 204
    assert box.api("POST", "/projects/thelook/files", written)[0] == 409
    assert box.api("GET", content) == (200, b"view: new {}")
    files = {f["id"]: f for f in box.get("/projects/thelook/files")}
    assert files["views/new.view.lkml"]["git_status"]["action"] == "added"
    assert files["README.md"]["git_status"] is None
    box.api("PATCH", "/session", {"workspace_id": "production"})
    assert box.get("/projects/thelook/git_branch")["name"] == "main"
    assert box.api("GET", content)[0] == 404
    in_dev(box)
    assert box.api("POST", "/projects/thelook/deploy_to_production")[0] == 204
    box.api("PATCH", "/session", {"workspace_id": "production"})
    assert box.api("GET", content)[0] == 200
    assert box.get("/projects/thelook/git_branch")["ref"] != branch["ref"]


def test_a_deploy_of_the_old_ref_takes_it_back(box: Box) -> None:
    in_dev(box)
    old = box.get("/projects/thelook/git_branch/main")["ref"]
    box.api("DELETE", "/projects/thelook/files?file_path=README.md")
    box.api("POST", "/projects/thelook/deploy_to_production")
    assert box.get("/projects/thelook/git_branch/main")["ref"] != old
    deploy = "/projects/thelook/deploy_ref_to_production"
    assert box.api("POST", deploy)[0] == 400
    assert box.api("POST", f"{deploy}?ref={old}&branch=hotfix")[0] == 400
    assert box.api("POST", f"{deploy}?ref=none")[0] == 404
    assert box.api("POST", f"{deploy}?ref={old}")[0] == 204
    box.api("PATCH", "/session", {"workspace_id": "production"})
    assert "README.md" in {f["id"] for f in box.get("/projects/thelook/files")}


def test_a_project_with_errors_is_not_deployed(box: Box) -> None:
    in_dev(box)
    name = {"name": "feature/returns"}
    assert box.api("PUT", "/projects/thelook/git_branch", name)[0] == 200
    found = box.api("POST", "/projects/thelook/validate")[1]["errors"]
    assert [(e["file_path"], e["line_number"]) for e in found] == [("views/orders.view.lkml", 2)]
    assert box.api("POST", "/projects/thelook/deploy_to_production")[0] == 422
    assert box.api("DELETE", "/projects/thelook/git_branch/feature%2Freturns")[0] == 400
    assert [r["success"] for r in box.get("/projects/thelook/lookml_tests/run")] == [True, False]
    box.api("PATCH", "/session", {"workspace_id": "production"})
    assert box.api("POST", "/projects/thelook/validate")[1]["errors"] == []


def test_resets_lose_what_was_not_committed(box: Box) -> None:
    in_dev(box)
    box.api("PUT", "/projects/thelook/git_branch", {"name": "hotfix"})
    box.api("PUT", "/projects/thelook/files", {"path": "README.md", "content": "mine"})
    assert box.get("/projects/thelook/current_workspace")["git_status"] == "dirty"
    assert box.api("POST", "/projects/thelook/reset_to_remote")[0] == 204
    assert box.get("/projects/thelook/current_workspace")["git_status"] == "clean"
    assert box.get("/projects/thelook/git_branch")["ahead_count"] == 0
    text = box.api("GET", "/projects/thelook/file/content?file_path=README.md")[1]
    assert text == b"# The Look\n"


def test_builds_go_on_each_time_they_are_looked_at(box: Box) -> None:
    made = box.get("/derived_table/thelook/orders/start")["materialization_id"]
    look = f"/derived_table/{made}/status"
    seen = [json.loads(box.get(look)["resp_text"])["status"] for _ in range(3)]
    assert seen == ["running", "complete", "complete"]
    late = json.loads(box.get(f"/derived_table/{made}/stop")["resp_text"])
    assert late["success"] is False
    assert box.api("GET", "/derived_table/none/status")[0] == 404


def test_a_datagroup_is_not_set_ahead_of_time(box: Box) -> None:
    later = {"triggered_at": int(time.time()) + 3600}
    assert refusal(box.api("PATCH", "/datagroups/1", later)[1]) == "triggered_at"
    now = {"triggered_at": int(time.time())}
    assert box.api("PATCH", "/datagroups/1", now)[1]["triggered_at"] == now["triggered_at"]


# ---- fields, lists, searches


def test_fields_select_nested_members(box: Box) -> None:
    answer = box.get("/lookml_models/thelook?fields=name,explores(name,hidden)")
    assert set(answer) == {"name", "explores"}
    assert answer["explores"][0] == {"name": "orders", "hidden": False}


def test_lists_page_and_sort(box: Box) -> None:
    ids = [u["id"] for u in box.get("/users?limit=3&offset=2&fields=id")]
    assert ids == ["3", "4", "5"]
    titles = [d["title"] for d in box.get("/dashboards/search?sorts=title%20desc")]
    assert titles == sorted(titles, reverse=True)


def test_users_are_searched_by_like_patterns(box: Box) -> None:
    def emails(query: str) -> set[str]:
        return {u["email"] for u in box.get("/users/search?" + query)}

    assert emails("email=ada@example.com") == {"ada@example.com"}
    assert emails("email=alan_%25") == {"alan@example.com", "alan_@example.com"}
    assert emails("email=TWIN@example.com") == {"twin@example.com", "Twin@example.com"}
    assert emails("first_name=A%25&last_name=Lovelace") == {"ada@example.com"}
    assert emails("email=nobody") == set()


def test_models_leave_out_hidden_and_empty_on_request(box: Box) -> None:
    models = {m["name"]: m for m in box.get("/lookml_models?exclude_empty=true&exclude_hidden=true")}
    assert set(models) == {"thelook", "analytics", "big"}
    assert "audit" not in [e["name"] for e in models["thelook"]["explores"]]
    assert [m["name"] for m in box.get("/lookml_models?limit=1&offset=1")] == ["analytics"]


def test_an_explore_has_fields_of_every_kind(box: Box) -> None:
    explore = box.get("/lookml_models/thelook/explores/orders")
    fields = explore["fields"]
    assert all(fields[kind] for kind in ("dimensions", "measures", "filters", "parameters"))
    status = next(f for f in fields["dimensions"] if f["name"] == "orders.status")
    assert "complete" in status["suggestions"] and status["synonyms"] and status["tags"]
    assert {f["hidden"] for f in fields["dimensions"]} == {True, False}
    products = box.get("/lookml_models/thelook/explores/products")
    assert products["always_filter"][0]["name"] == "products.department"
    items = box.get("/lookml_models/thelook/explores/order_items")
    assert items["conditionally_filter"][0]["name"] == "order_items.returned_date"


def test_the_big_model_is_big(box: Box) -> None:
    assert len(box.get("/lookml_models/big")["explores"]) == 663
    fields = box.get("/lookml_models/big/explores/wide")["fields"]
    assert sum(len(kind) for kind in fields.values()) == 3000
    body = {"model": "big", "view": "wide", "fields": ["wide.field_2999", "wide.id"], "limit": "2"}
    assert len(box.api("POST", "/queries/run/json", body)[1]) == 2


def test_suggestions(box: Box) -> None:
    path = "/models/thelook/views/orders/fields/orders.status/suggestions"
    assert box.get(path + "?term=RET")["suggestions"] == ["returned"]


def test_connections_have_schemas_tables_columns(box: Box) -> None:
    root = "/connections/warehouse"
    assert box.get(root + "/databases") == ["shop", "archive"]
    assert box.get(root + "/schemas?fields=name")[0] == {"name": "public"}
    tables = box.get(root + "/tables?schema_name=public&table_limit=2")
    assert [len(s["tables"]) for s in tables] == [2] and tables[0]["table_limit_hit"]
    columns = box.get(root + "/columns?schema_name=public&table_names=orders,users")
    assert [t["name"] for t in columns] == ["orders", "users"]
    assert columns[0]["columns"][0]["data_type_looker"] == "number"


# ---- queries and rows


def run(box: Box, body: dict[str, Any], form: str = "json", query: str = "") -> Any:
    status, answer = box.api("POST", f"/queries/run/{form}{query}", {**ORDERS, **body})
    assert status == 200, answer
    return answer


def test_a_query_is_saved_once_and_found_by_id_and_slug(box: Box) -> None:
    first = box.api("POST", "/queries", ORDERS)[1]
    again = box.api("POST", "/queries", ORDERS)[1]
    assert first == again and first["id"].isdigit()
    assert box.get(f"/queries/{first['id']}") == first
    assert box.get(f"/queries/slug/{first['slug']}") == first
    assert first["share_url"].endswith("/x/" + first["slug"])
    assert "fields=orders.id,orders.status" in first["expanded_share_url"]
    assert box.get(f"/queries/{first['id']}/run/json?limit=3") == run(box, {"limit": "3"})
    assert box.api("GET", "/queries/999")[0] == 404


def test_rows_are_deterministic_ordered_and_limited(box: Box) -> None:
    rows = run(box, {"limit": "3"})
    assert rows == run(box, {"limit": "3"})
    assert [list(row) for row in rows] == [["orders.id", "orders.status"]] * 3
    assert [row["orders.id"] for row in rows] == [1, 2, 3]
    down = run(box, {"limit": "2", "sorts": ["orders.id desc"]})
    assert [row["orders.id"] for row in down] == [1000000, 999999]
    assert len(run(box, {})) == 500
    assert run(box, {"limit": "0"}) == []


def test_filters_of_plain_values_show_in_their_column(box: Box) -> None:
    def statuses(value: str) -> set[str]:
        rows = run(box, {"filters": {"orders.status": value}, "limit": "100"})
        return {row["orders.status"] for row in rows}

    assert statuses("complete") == {"complete"}
    assert statuses("complete,returned") == {"complete", "returned"}
    assert statuses('"a, b"') == {"a, b"}
    assert statuses("50^%^,x") == {"50%,x"}
    assert len(statuses("-complete")) > 2


def test_every_type_of_field_has_its_form(box: Box) -> None:
    fields = {
        "orders.created_time": "2025-06-30 11:22:33",
        "orders.created_date": "2025-06-30",
        "orders.created_month": "2025-06",
        "orders.created_year": 2025,
        "orders.is_first_order": "Yes",
        "orders.order_value_tier": "Below 50",
        "users.zip": "01234",
        "users.email": "x@example.com",
        "orders.count": 5,
        "orders.count_distinct_users": 5,
    }
    rows = run(box, {"fields": ["orders.id", *fields], "limit": "20"})
    for row in rows:
        for name, like in fields.items():
            assert type(row[name]) is type(like), (name, row[name])
            if isinstance(like, str) and like[0] == "2":
                assert len(row[name]) == len(like)


def test_formats_tell_the_same_rows(box: Box) -> None:
    query = {
        "view": "order_items",
        "fields": ["products.brand", "order_items.id", "order_items.returned_date"],
        "limit": "40",
    }
    rows = run(box, query)
    table = list(csv.reader(run(box, query, "csv").decode().splitlines()))
    assert table[0] == ["Products Brand", "Order Items Id", "Order Items Returned Date"]
    assert table[1:] == [["" if v is None else str(v) for v in row.values()] for row in rows]
    assert any("," in row[0] for row in table[1:]) and any('"' in row[0] for row in table[1:])
    detail = run(box, query, "json_detail")
    assert [{k: v["value"] for k, v in row.items()} for row in detail["data"]] == rows
    assert [f["name"] for f in detail["fields"]["dimensions"]] == query["fields"]
    assert run(box, query, "txt").decode().count("\n") == 41
    assert run(box, query, "md").decode().startswith("| Products Brand |")
    assert b"<table>" in run(box, query, "html")
    assert run(box, query, "sql").decode().startswith("SELECT")
    assert run(box, query, "png")[:4] == b"\x89PNG"
    assert run(box, query, "jpg")[:2] == b"\xff\xd8"
    assert run(box, query, "xlsx")[:2] == b"PK"
    assert len(run(box, query, "json_bi")["rows"]) == 40
    assert box.api("POST", "/queries/run/nonsense", ORDERS)[0] == 422


def test_pivots_totals_and_dynamic_fields(box: Box) -> None:
    query = {
        "fields": ["users.state", "orders.status", "orders.count", "mine"],
        "pivots": ["orders.status"],
        "total": True,
        "limit": "3",
        "dynamic_fields": json.dumps(
            [{"measure": "mine", "based_on": "orders.id"}, {"table_calculation": "twice"}]
        ),
    }
    row = run(box, query)[0]
    assert list(row) == ["users.state", "orders.count", "mine", "twice"]
    assert set(row["orders.count"]) >= {"complete", "shipped"}
    detail = run(box, query, "json_detail")
    assert detail["pivots"][0]["key"] == "complete"
    assert detail["totals_data"]["orders.count"]["value"] > 0
    assert detail["fields"]["table_calculations"][0]["name"] == "twice"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_million_rows_stream_in_little_memory(box: Box, form: str) -> None:
    box.api("GET", "/user")
    before = box.peak_kb()
    body = json.dumps({**ORDERS, "limit": "-1"})
    connection = box.connect()
    headers = {"Authorization": f"token {box.token}", **JSON}
    connection.request("POST", f"/api/4.0/queries/run/{form}", body, headers)
    answer = connection.getresponse()
    lines, tail = 0, b""
    while piece := answer.read(1 << 20):
        lines += piece.count(b"\n")
        tail = piece[-40:]
    connection.close()
    assert lines == (1000001 if form == "csv" else 999999)
    assert b"1000000" in tail
    assert box.peak_kb() - before < 8 * 1024


def test_a_client_that_goes_away_in_the_middle_does_no_harm(box: Box) -> None:
    for _ in range(5):
        connection = socket.create_connection(("127.0.0.1", box.port))
        body = json.dumps({**ORDERS, "limit": "-1"}).encode()
        head = (
            f"POST /api/4.0/queries/run/json HTTP/1.1\r\nHost: x\r\nAuthorization: token {box.token}"
            f"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        connection.recv(1000)
        connection.close()
    assert box.get("/user")


def test_a_query_that_the_database_refuses(box: Box) -> None:
    body = {"fields": ["orders.id", "orders.broken"]}
    assert "looker_error" in run(box, body)[0]
    assert run(box, body, "json_detail")["errors"][0]["message"]
    assert run(box, body, "csv").startswith(b"ERROR")


def new_task(box: Box, **body: Any) -> tuple[dict[str, Any], str]:
    task = box.api("POST", "/query_tasks?limit=3", {"query_id": "1", "result_format": "json", **body})[1]
    return task, f"/query_tasks/{task['id']}"


def running_tasks(box: Box) -> list[str]:
    return [q["query_task_id"] for q in box.get("/running_queries") if q["source"] == "api4"]


def test_query_tasks(box: Box) -> None:
    task, path = new_task(box)
    assert (task["status"], task["query"]["id"], running_tasks(box)) == ("added", "1", [])
    assert len(box.get(path + "/results")) == 3 and box.get(path)["status"] == "complete"

    box.control("POST", "/queries", {"seconds": 1000, "speed": 2000})
    task, path = new_task(box, result_format="csv")
    assert box.api("GET", path + "/results") == (202, {"status": "running"})
    assert box.get(path)["status"] == "running" and running_tasks(box) == [task["id"]]
    end = time.monotonic() + 10
    while box.get(path)["status"] != "complete" and time.monotonic() < end:
        time.sleep(0.05)
    assert box.get(path)["runtime"] >= 1000 and running_tasks(box) == []
    assert box.get(path + "/results").count(b"\n") == 4
    assert box.api("DELETE", f"/running_queries/{task['id']}")[0] == 404

    box.control("POST", "/queries", {"seconds": 1000})
    task, path = new_task(box)
    assert box.api("DELETE", f"/running_queries/{task['id']}")[0] == 204
    assert box.get(path)["status"] == "killed" and running_tasks(box) == []
    assert box.api("GET", path + "/results")[0] == 400
    assert box.api("DELETE", f"/running_queries/{task['id']}")[0] == 404

    box.control("POST", "/queries", {"seconds": 0})
    broken = box.api("POST", "/queries", {**ORDERS, "fields": ["orders.broken"]})[1]["id"]
    _, path = new_task(box, query_id=broken)
    assert box.api("GET", path + "/results")[0] == 400 and box.get(path)["status"] == "error"
    _, path = new_task(box, query_id=broken, result_format="json_detail")
    assert box.get(path + "/results")["errors"]


def test_looks_tasks_sql_and_attributed_queries_run(box: Box) -> None:
    assert len(box.get("/looks/1/run/json")) == 10
    body = {"connection_name": "warehouse", "sql": "SELECT 1"}
    slug = box.api("POST", "/sql_queries", body)[1]["slug"]
    assert box.api("POST", f"/sql_queries/{slug}/run/csv")[1].count(b"\n") == 11
    body = {"query": ORDERS, "render_options": {"format": "csv"}}
    assert box.api("POST", "/queries/run_inline", body)[1].startswith(b"Orders Id")


def test_renders(box: Box) -> None:
    new = "/render_tasks/looks/1/jpg?width=20&height=8"
    task = box.api("POST", new)[1]
    path = f"/render_tasks/{task['id']}"
    assert (task["look_id"], task["result_format"], task["width"]) == ("1", "jpg", 20)
    steps = ["enqueued_for_query"]
    while steps[-1] != "success":
        assert box.api("GET", path + "/results") == (202, b"")
        steps.append(box.get(path + "?fields=status")["status"])
    assert steps == ["enqueued_for_query", "querying", "rendering", "success"]
    assert box.get(path + "/results").startswith(b"\xff\xd8\xff")

    failing = box.api("POST", new.replace("/1/", "/4/"))[1]["id"]
    states = [box.get(f"/render_tasks/{failing}") for _ in range(4)]
    assert states[-1]["status"] == "failure" and "BROKEN" in states[-1]["status_detail"]
    assert box.api("GET", f"/render_tasks/{failing}/results")[0] == 404
    endless = box.api("POST", new.replace("20", "999"))[1]["id"]
    assert {box.get(f"/render_tasks/{endless}")["status"] for _ in range(9)} == {"querying", "rendering"}


@pytest.mark.parametrize(
    "path, body, status",
    [
        ("looks/1/pdf?width=1&height=1", None, 422),
        ("looks/1/png?width=0&height=1", None, 422),
        ("looks/1/png?width=1", None, 400),
        ("looks/99/png?width=1&height=1", None, 404),
        ("queries/99999/png?width=1&height=1", None, 404),
        ("dashboards/1/pdf?width=1&height=1", None, 400),
        ("dashboards/1/pdf?width=1&height=1&pdf_paper_size=a9", {}, 422),
        ("dashboards/1/png?width=1&height=1&pdf_paper_size=a4", {}, 422),
        ("dashboards/1/pdf?width=1&height=1", {"dashboard_filters": "Stat=CA"}, 422),
        ("dashboards/1/pdf?width=1&height=1", {"dashboard_filters": "State=%zz"}, 422),
        ("dashboards/1/pdf?width=1&height=1", {"dashboard_filters": "State=a%26b", "tab_ids": ["1"]}, 200),
    ],
)
def test_render_tasks_are_checked(box: Box, path: str, body: Any, status: int) -> None:
    assert box.api("POST", f"/render_tasks/{path}", body)[0] == status


def test_a_dashboard_has_a_tile_of_every_kind(box: Box) -> None:
    tiles = box.get("/dashboards/1")["dashboard_elements"]
    assert {tile["type"] for tile in tiles} == {"vis", "text"}
    assert tiles[0]["query"]["model"] == "thelook"
    assert tiles[1]["look"]["query"]["id"] == "2"
    assert tiles[2]["result_maker"]["query"]["id"] == "3"
    assert box.get(f"/merge_queries/{tiles[4]['merge_result_id']}")["source_queries"]
    assert box.get(f"/sql_queries/{tiles[5]['result_maker']['sql_query_id']}")["sql"]
    failing = box.get(f"/queries/{tiles[6]['query_id']}/run/json")
    assert "looker_error" in failing[0]


def test_content_search(box: Box) -> None:
    found = box.get("/content/by?types=look")
    assert [c["title"] for c in found] == ["Orders by Status", "Revenue by Month", "Users by State"]
    assert len(box.get("/content/e?limit=2&offset=1")) == 2


# ---- what is created stays


def test_things_are_created_changed_and_deleted(box: Box) -> None:
    status, made = box.api("POST", "/dashboards", {"title": "New", "folder_id": "1"})
    assert (status, made["title"]) == (200, "New")
    path = f"/dashboards/{made['id']}"
    body = {"dashboard_id": made["id"], "type": "vis", "query_id": "1"}
    tile = box.api("POST", "/dashboard_elements", body)[1]
    assert [e["id"] for e in box.get(path)["dashboard_elements"]] == [tile["id"]]
    assert box.api("PATCH", path, {"title": "Newer"})[1]["title"] == "Newer"
    assert box.get("/dashboards/search?title=newer")[0]["id"] == made["id"]
    assert box.api("DELETE", path)[0] == 204
    assert box.api("GET", path)[0] == 404
    assert box.api("DELETE", path)[0] == 404


def test_a_resource_without_fixtures_is_stateful_too(box: Box) -> None:
    made = box.api("POST", "/themes", {"name": "Mine"})[1]
    assert box.get(f"/themes/{made['id']}")["name"] == "Mine"
    assert box.api("PATCH", f"/themes/{made['id']}", {"name": "Ours"})[1]["name"] == "Ours"
    assert made["id"] in [b["id"] for b in box.get("/themes")]
    assert box.api("DELETE", f"/themes/{made['id']}")[0] == 204
    assert box.api("GET", f"/themes/{made['id']}")[0] == 404
    assert box.get("/themes/77")["id"] == "77"


# ---- content


def test_a_tile_gets_a_place_and_loses_what_it_listens_to_with_its_query(box: Box) -> None:
    tile = box.api("POST", "/dashboard_elements", {"dashboard_id": "2", "query_id": "3"})[1]
    (entry,) = tile["result_maker"]["filterables"]
    assert (entry["model"], entry["view"], entry["listen"]) == ("thelook", "users", [])
    entry["listen"] = [{"dashboard_filter_name": "Date", "field": "users.created_date"}]
    change = {"result_maker": {"filterables": [entry]}}
    changed = box.api("PATCH", f"/dashboard_elements/{tile['id']}", change)[1]
    assert changed["result_maker"]["filterables"] == [entry]
    assert changed["result_maker"]["query_id"] == "3", "the rest of it stays"
    changed = box.api("PATCH", f"/dashboard_elements/{tile['id']}", {"query_id": "1"})[1]
    assert changed["result_maker"]["filterables"][0] == {
        "model": "thelook",
        "view": "orders",
        "name": None,
        "listen": [],
    }
    (layout,) = box.get("/dashboards/2")["dashboard_layouts"]
    places = {c["dashboard_element_id"]: c["row"] for c in layout["dashboard_layout_components"]}
    assert places[tile["id"]] == max(places.values()) and len(places) == 3
    assert box.api("DELETE", f"/dashboard_elements/{tile['id']}")[0] == 204
    listed = box.get(f"/dashboard_layouts/{layout['id']}/dashboard_layout_components")
    assert tile["id"] not in [c["dashboard_element_id"] for c in listed]


def test_content_needs_a_query_a_folder_and_a_title_of_its_own(box: Box) -> None:
    look = {"title": "Mine", "folder_id": "2", "query_id": "1"}
    assert box.api("POST", "/looks", look)[0] == 200
    assert box.api("POST", "/looks", look)[0] == 422
    for wrong in ({"folder_id": "99"}, {"query_id": "9999"}):
        assert box.api("POST", "/looks", {**look, "title": "Other", **wrong})[0] == 422
    assert box.api("POST", "/dashboards", {"title": "Business Pulse", "folder_id": "2"})[0] == 422
    assert box.api("PATCH", "/dashboards/1", {"title": "Business Pulse"})[0] == 200


def test_the_trash_is_not_found_unless_asked_for(box: Box) -> None:
    box.api("PATCH", "/looks/3", {"deleted": True})
    assert ids(box.get("/looks/search")) == {"1", "2", "4"}
    assert ids(box.get("/looks/search?deleted=true")) == {"3"}
    assert ids(box.get("/folders/1/looks")) == {"4"}
    assert "thelook::overview" not in ids(box.get("/dashboards/search"))
    assert [d["dashboard_id"] for d in box.get("/dashboards/lookml/search")] == ["thelook::overview"]


def test_folders_form_a_tree(box: Box) -> None:
    made = box.api("POST", "/folders", {"name": "Deep", "parent_id": "2"})[1]
    assert box.api("POST", "/folders", {"name": "deep", "parent_id": "2"})[0] == 422
    assert box.get("/folders/2")["child_count"] == 1
    assert ids(box.get("/folders/2/children")) == {made["id"]}
    assert ids(box.get(f"/folders/{made['id']}/ancestors")) == {"1", "2"}
    assert box.api("PATCH", "/folders/2", {"parent_id": made["id"]})[0] == 422
    assert box.api("PATCH", "/folders/1", {"name": "Root"})[0] == 403
    assert box.api("DELETE", "/folders/2")[0] == 204
    for path in ("/folders/2", f"/folders/{made['id']}", "/looks/1", "/dashboards/1"):
        assert box.api("GET", path)[0] == 404
    assert box.api("GET", "/looks/3")[0] == 200


def test_boards_show_sections_and_items_in_order(box: Box) -> None:
    board = box.get("/boards/1")
    assert [s["title"] for s in board["board_sections"]] == ["Sales", "Elsewhere"]
    items = board["board_sections"][0]["board_items"]
    assert [(i["title"], i["url"]) for i in items] == [
        ("Business Pulse", "/dashboards/1"),
        ("Statuses", "/looks/1"),
    ]
    box.api("PATCH", "/boards/1", {"section_order": ["2", "1"]})
    assert [s["id"] for s in box.get("/boards/1")["board_sections"]] == ["2", "1"]
    assert box.api("POST", "/board_items", {"board_section_id": "1"})[0] == 422
    assert box.api("DELETE", "/board_sections/1")[0] == 204
    assert box.api("GET", "/board_items/1")[0] == 404


# ---- rules


def test_rules_fail_a_number_of_times_after_a_number_of_times(box: Box) -> None:
    box.rules({"operation": "me", "after": 1, "times": 2, "status": 429, "retry_after": 7})
    assert [box.api("GET", "/user")[0] for _ in range(4)] == [200, 429, 429, 200]
    box.rules({"status": 503, "retry_after": 7, "body": {"message": "busy"}})
    connection = box.connect()
    connection.request("GET", "/api/4.0/user", headers={"Authorization": f"token {box.token}"})
    answer = connection.getresponse()
    assert answer.status == 503 and answer.headers["Retry-After"] == "7"
    assert json.loads(answer.read()) == {"message": "busy"}
    connection.close()
    assert box.ask("DELETE", "/_sandbox/rules")[0] == 204
    assert box.api("GET", "/user")[0] == 200


def test_rules_touch_their_operation_only(box: Box) -> None:
    box.rules({"operation": "all_connections", "status": 500})
    assert box.api("GET", "/connections")[0] == 500
    assert box.api("GET", "/user")[0] == 200


def test_rules_delay_without_holding_up_others(box: Box) -> None:
    box.rules({"operation": "all_connections", "delay_ms": 700})
    took: list[float] = []

    def slow() -> None:
        start = time.monotonic()
        box.api("GET", "/connections")
        took.append(time.monotonic() - start)

    thread = threading.Thread(target=slow)
    thread.start()
    time.sleep(0.05)
    start = time.monotonic()
    box.api("GET", "/user")
    quick = time.monotonic() - start
    thread.join()
    assert took[0] >= 0.7 and quick < 0.5


@pytest.mark.parametrize(
    ("how", "fits"),
    [
        ("not_json", lambda b: not is_json(b)),
        ("html", lambda b: b.startswith(b"<!DOCTYPE")),
        ("truncate_json", lambda b: b.startswith(b"[{") and not is_json(b)),
        ("bad_utf8", lambda b: not is_utf8(b)),
        ("wrong_type", lambda b: json.loads(b) == {"unexpected": True}),
        ("deep", lambda b: b.startswith(b"[[[") and len(b) == 20000),
    ],
)
def test_rules_corrupt(box: Box, how: str, fits: Any) -> None:
    box.rules({"corrupt": how})
    status, body = box.api("POST", "/queries/run/json", ORDERS, raw=True)
    assert status == 200 and fits(body)


def is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("rows", ["5", "-1"])
@pytest.mark.parametrize("cut", [0, 10, 100000])
def test_rules_cut_off(box: Box, rows: str, cut: int) -> None:
    if rows == "5" and cut == 100000:
        cut = 1
    box.rules({"operation": "run_inline_query", "cut_after_bytes": cut})
    with pytest.raises((http.client.HTTPException, ConnectionError)) as caught:
        box.api("POST", "/queries/run/json", {**ORDERS, "limit": rows})
    if isinstance(caught.value, http.client.IncompleteRead) and cut < 100:
        assert len(caught.value.partial) == cut
    box.rules()
    assert box.get("/user")


def test_rules_drip(box: Box) -> None:
    box.rules({"operation": "me", "drip_ms": 30})
    start = time.monotonic()
    assert box.get("/user")["id"] == "1"
    assert time.monotonic() - start > 0.3


def test_rules_expire_tokens(box: Box) -> None:
    box.rules({"operation": "all_connections", "times": 1, "expire_tokens": True})
    assert box.api("GET", "/user")[0] == 200
    assert box.api("GET", "/connections")[0] == 401
    assert box.api("GET", "/user")[0] == 401
    box.login()
    assert box.api("GET", "/connections")[0] == 200


@pytest.mark.parametrize(
    "rules",
    [{}, [{"operation": "none"}], [{"bogus": 1}], [{"corrupt": "x"}], [{"times": "1"}], [3], "x"],
)
def test_rules_that_are_none(box: Box, rules: Any) -> None:
    body = json.dumps(rules)
    assert box.ask("POST", "/_sandbox/rules", body)[0] == 400
    assert box.ask("GET", "/_sandbox/rules")[1] == []


# ---- records


def test_requests_are_recorded_without_secrets(box: Box) -> None:
    box.ask("DELETE", "/_sandbox/requests")
    box.login()
    box.api("PATCH", "/session", {"workspace_id": "dev"})
    box.api("GET", "/users/search?email=a%25", headers={"X-Mark": "here"})
    box.api("GET", "/nothing")
    login, _, search, nothing = records = box.ask("GET", "/_sandbox/requests")[1]
    assert [r["operation"] for r in records] == ["login", "update_session", "search_users", None]
    assert [r["status"] for r in records] == [200, 200, 200, 404]
    assert "sandbox-secret" not in json.dumps(records) and box.token not in json.dumps(records)
    assert login["body"] == "client_id=sandbox-id&client_secret=***"
    assert (search["path"], search["query"]) == ("/api/4.0/users/search", "email=a%25")
    assert (search["user"], search["workspace"]) == ("1", "dev")
    assert search["headers"]["x-mark"] == "here"
    assert search["authorization"].startswith("token ")
    assert nothing["method"] == "GET"
    only = box.ask("GET", "/_sandbox/requests?operation=login")[1]
    assert len(only) == 1


def test_records_are_bounded_and_can_be_off() -> None:
    box = Box("--no-record")
    try:
        box.login()
        assert box.ask("GET", "/_sandbox/requests")[1] == []
    finally:
        box.stop()


# ---- every operation


def facts() -> tuple[dict[str, Any], dict[str, Any]]:
    spec = json.loads((ROOT / "spec" / "looker-4.0.json").read_text())
    overlay = yaml.safe_load((ROOT / "spec" / "overlay.yaml").read_text())
    operations, schemas = spec["operations"], spec["schemas"]
    for name, operation in overlay.get("operations", {}).items():
        operations[name] = operation
    for name, change in overlay.get("changes", {}).items():
        operations[name].update({key: change[key] for key in ("answers",) if key in change})
    schemas.update(overlay.get("schemas", {}))
    return operations, schemas


OPERATIONS, SCHEMAS = facts()
# Identifiers of things that are there.
KNOWN = {
    "connection_name": "warehouse",
    "lookml_model_name": "thelook",
    "model_name": "thelook",
    "view_name": "orders",
    "field_name": "orders.status",
    "explore_name": "orders",
    "project_id": "thelook",
    "root_project_id": "thelook",
    "result_format": "json",
    "merge_query_id": "merge1",
    "terms": "orders",
    "user_id": "2",
    "branch_name": "hotfix",
    "file_id": "README.md",
    "file_path": "README.md",
    "test_id": "git_read_test",
    "path": "views",
}
# Where another one is meant: who has what (tests/sandbox/README.md).
KNOWN_BY: dict[str, dict[str, str]] = {
    **{
        f"create_{what}_render_task": {"result_format": "png"}
        for what in ("dashboard", "dashboard_element", "look", "query")
    },
    **{
        name: {"user_id": "1"}
        for verb in ("", "delete_", "update_")
        for kind in ("api3", "email", "google", "ldap", "looker_openid", "oidc", "saml", "totp")
        for name in [f"{verb}user_credentials_{kind}"]
    },
    "create_user_credentials_email": {"user_id": "9"},
    "create_user_credentials_totp": {"user_id": "9"},
    "user_session": {"user_id": "1"},
    "delete_user_session": {"user_id": "1"},
    "user_for_credential": {"credential_type": "api3"},
    "delete_group": {"group_id": "2"},
    "delete_group_from_group": {"group_id": "2", "deleting_group_id": "3"},
    "delete_user_attribute_group_value": {"group_id": "2", "user_attribute_id": "2"},
    "update_folder": {"folder_id": "2"},
    "delete_folder": {"folder_id": "2"},
    "import_lookml_dashboard": {"lookml_dashboard_id": "thelook::overview", "space_id": "2"},
}
PLAN = {
    "name": "Nightly",
    "dashboard_id": "1",
    "crontab": "0 1 * * *",
    "scheduled_plan_destination": [{"type": "email", "address": "ada@example.com", "format": "wysiwyg_pdf"}],
}
BODIES: dict[str, Any] = {
    "Query": ORDERS,
    "CreateQueryTask": {"query_id": "1", "result_format": "json"},
    "ApiSession": {"workspace_id": "dev"},
    "SqlQueryCreate": {"connection_name": "warehouse", "sql": "SELECT 1"},
    "CreateDashboardRenderTask": {"dashboard_filters": "State=CA&State=NY%2C", "dashboard_style": "tiled"},
    "AttributedInlineQuery": {"query": ORDERS, "render_options": {"format": "json"}},
    "update_project_file": {"path": "README.md", "content": "x"},
    "update_git_branch": {"name": "hotfix"},
    "create_git_branch": {"name": "feature/x"},
    "create_project": {"name": "x"},
    "GroupIdForGroupInclusion": {"group_id": "3"},
    "GroupIdForGroupUserInclusion": {"user_id": "3"},
    "Role": {"name": "Analyst", "permission_set_id": "3", "model_set_id": "2"},
    "CredentialsEmail": {"email": "new@example.com"},
    "UserEmailOnly": {"email": "new@example.com"},
    "UserAttributeGroupValue": {"group_id": "2", "value": "APAC"},
    "ScheduledPlan": PLAN,
    "LookWithQuery": {"title": "Another", "folder_id": "2", "query_id": "1"},
    "Dashboard": {"title": "Another", "folder_id": "2"},
    "DashboardElement": {"dashboard_id": "1", "query_id": "1", "title": "Another"},
    "CreateDashboardFilter": {
        "dashboard_id": "1",
        "name": "City",
        "title": "City",
        "type": "field_filter",
        "dimension": "users.city",
    },
    "CreateFolder": {"name": "Another", "parent_id": "1"},
    "UpdateFolder": {"name": "Another", "parent_id": "3"},
    "BoardSection": {"board_id": "1", "title": "Another"},
    "BoardItem": {"board_section_id": "1", "look_id": "3"},
    "EmbedParams": {"target_url": "https://x.example/embed/looks/1"},
    "EmbedSsoParams": {
        "target_url": "https://x.example/looks/1",
        "external_user_id": "x",
        "group_ids": ["1"],
    },
    "set_role_groups": ["2"],
    "set_role_users": ["2", "3"],
    "set_user_roles": ["1", "3"],
}
# Routes that Looker is not known to have, and what must be there first, or be said beyond the least.
MISSING = ("list_ci_runs",)
FIRST = {"git_deploy_key": "create_git_deploy_key"}
CHOICE = {"deploy_ref_to_production": {"branch": "hotfix"}}


def example(kind: str, depth: int = 0) -> Any:
    if kind.startswith("list<"):
        return [example(kind[5:-1], depth + 1)]
    if kind.startswith("map<") or kind == "any":
        return {}
    if kind in ("string", "integer", "number", "boolean"):
        return {"string": "x", "integer": 1, "number": 1.5, "boolean": True}[kind]
    if kind in BODIES:
        return BODIES[kind]
    fields = SCHEMAS[kind]["fields"]
    read_only = all(f.get("read_only") for f in fields.values())
    return {
        name: field["enum"][0] if "enum" in field else example(field["type"], depth + 1)
        for name, field in fields.items()
        if (read_only or not field.get("read_only"))
        and (field.get("required") or (depth == 0 and field["type"][0].islower()))
    }


def check(kind: str, value: Any, where: str) -> None:
    """That the value is of the declared type, all the way down."""
    scalars: dict[str, Any] = {"string": str, "integer": int, "number": (int, float)}
    if kind.startswith("list<"):
        assert isinstance(value, list), where
        for item in value:
            check(kind[5:-1], item, where + "[]")
    elif kind.startswith("map<"):
        assert isinstance(value, dict), where
    elif kind in scalars:
        assert isinstance(value, scalars[kind]) and not isinstance(value, bool), (where, value)
    elif kind == "boolean":
        assert isinstance(value, bool), (where, value)
    elif kind != "any":
        assert isinstance(value, dict), (where, value)
        fields = SCHEMAS[kind]["fields"]
        for name, item in value.items():
            assert name in fields, f"{where}.{name} is not declared"
            if item is not None or not fields[name].get("nullable"):
                check(fields[name]["type"], item, f"{where}.{name}")


def ask_operation(box: Box, name: str) -> tuple[int, Any]:
    operation = OPERATIONS[name]
    path, query = operation["path"], dict(CHOICE.get(name, {}))
    if name in FIRST:
        ask_operation(box, FIRST[name])
    for parameter in operation.get("parameters", []):
        value = KNOWN_BY.get(name, {}).get(parameter["name"], KNOWN.get(parameter["name"], "1"))
        if name in ("sql_query", "run_sql_query") and parameter["name"] == "slug":
            value = "sqlrunner1"
        if name == "query_for_slug":
            value = box.get("/queries/1")["slug"]
        if parameter["name"] == "query_task_id" and name != "query_task_multi_results":
            value = box.api("POST", "/query_tasks", BODIES["CreateQueryTask"])[1]["id"]
        if name == "kill_query":
            value = "running-long"
        if parameter["name"] == "render_task_id":
            value = box.api("POST", "/render_tasks/looks/1/png?width=8&height=8")[1]["id"]
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quote(value, safe=""))
        elif parameter.get("required"):
            query[parameter["name"]] = value
    if query:
        path += "?" + urlencode(query)
    body, headers = None, {}
    if operation.get("body"):
        body = BODIES.get(name) or example(operation["body"]["type"])
        if isinstance(body, str):
            media = operation["body"]["media"][0]
            body = json.dumps(body) if media == "application/json" else body
            headers = {"Content-Type": media}
    return box.api(operation["method"], path, body, headers=headers)


@pytest.mark.parametrize("name", [n for n in OPERATIONS if n != "login"])
def test_every_operation_answers_as_declared(box: Box, name: str) -> None:
    box.api("PATCH", "/session", {"workspace_id": "dev"})
    status, answer = ask_operation(box, name)
    if name in MISSING:
        assert status == 404
        return
    answers = {int(code): a for code, a in OPERATIONS[name]["answers"].items()}
    assert status in answers, answer
    declared = answers[status]
    if status == 204 or declared is None:
        assert answer == b""
    elif declared["media"] == ["application/json"] and declared["type"] != "string":
        check(declared["type"], answer, name)


# ---- people


def ids(things: Any) -> set[str]:
    return {thing["id"] for thing in things}


def test_membership_is_one_truth_from_all_sides(box: Box) -> None:
    assert ids(box.get("/groups/2/users")) == {"2"}
    box.api("POST", "/groups/2/users", {"user_id": "4"})
    assert ids(box.get("/groups/2/users")) == {"2", "4"}
    assert box.get("/users/4")["group_ids"] == ["1", "2"]
    assert ids(box.get("/users/search?group_id=2")) == {"2", "4"}
    assert box.get("/groups/2")["user_count"] == 2
    assert box.api("DELETE", "/groups/2/users/4")[0] == 204
    assert box.api("DELETE", "/groups/2/users/4")[0] == 404
    assert box.api("DELETE", "/groups/2")[0] == 204
    assert box.get("/users/2")["group_ids"] == ["1"]
    assert box.get("/roles/3/groups") == []


def test_roles_come_directly_or_through_groups(box: Box) -> None:
    assert ids(box.get("/users/2/roles")) == {"1", "3"}
    assert ids(box.get("/users/2/roles?direct_association_only=true")) == {"1"}
    assert "2" not in ids(box.get("/roles/3/users?direct_association_only=true"))
    box.api("PUT", "/roles/1/users", ["3"])
    assert box.get("/users/2")["role_ids"] == []
    assert box.get("/users/3")["role_ids"] == ["3", "1"]
    box.api("PUT", "/users/3/roles", ["2"])
    assert ids(box.get("/roles/1/users")) == set()
    assert box.api("PUT", "/users/3/roles", ["99"])[0] == 422
    role = box.api("POST", "/roles", {"name": "New", "permission_set_id": "3", "model_set_id": "2"})[1]
    assert (role["permission_set"]["name"], role["model_set"]["models"]) == ("Viewer", ["thelook"])


def test_a_user_shows_the_address_of_its_credentials(box: Box) -> None:
    user = box.api("POST", "/users", {"first_name": "Mary", "last_name": "Jackson"})[1]
    path = f"/users/{user['id']}"
    assert (user["display_name"], user["email"], user["group_ids"]) == ("Mary Jackson", None, ["1"])
    assert box.api("GET", path + "/credentials_email")[0] == 404
    assert box.api("POST", path + "/credentials_email", {"email": "ADA@example.com"})[0] == 422
    assert box.api("POST", path + "/credentials_email", {"email": "mary@example.com"})[0] == 200
    assert box.api("POST", path + "/credentials_email", {"email": "m@example.com"})[0] == 409
    assert ids(box.get("/users/search?email=mary@example.com")) == {user["id"]}
    box.api("PATCH", path + "/credentials_email", {"email": "m@example.com"})
    assert box.get(path)["email"] == "m@example.com"
    box.api("DELETE", path + "/credentials_email")
    assert box.get(path)["email"] is None
    assert ids(box.get("/users/search?full_name=mary%25")) == {user["id"]}
    assert ids(box.get("/users/search/names/alan%25")) == {"4", "5"}


def test_the_secret_of_keys_is_shown_once(box: Box) -> None:
    status, keys = box.api("POST", "/users/2/credentials_api3")
    assert (status, bool(keys["client_secret"])) == (200, True)
    assert "client_secret" not in box.get(f"/users/2/credentials_api3/{keys['id']}")
    assert len(box.get("/users/2/credentials_api3")) == 3
    box.api("DELETE", f"/users/2/credentials_api3/{keys['id']}")
    assert len(box.get("/users/2")["credentials_api3"]) == 2


def test_sessions_end(box: Box) -> None:
    assert ids(box.get("/users/2/sessions")) == {"201", "202"}
    assert box.api("DELETE", "/users/2/sessions/201")[0] == 204
    found = box.get("/users/search?fields=id,email,sessions&id=2")
    assert ids(found[0]["sessions"]) == {"202"}


def test_the_value_of_an_attribute_is_searched_user_group_default(box: Box) -> None:
    def region() -> tuple[str, str]:
        [value] = box.get("/users/2/attribute_values?user_attribute_ids=2")
        return value["value"], value["source"]

    assert region() == ("AMER", "group")
    box.api("PATCH", "/users/2/attribute_values/2", {"value": "APAC"})
    assert region() == ("APAC", "user")
    box.api("DELETE", "/users/2/attribute_values/2")
    box.api("POST", "/user_attributes/2/group_values", [{"group_id": "1", "value": "all"}])
    assert region() == ("all", "group")
    box.api("DELETE", "/groups/1/attribute_values/2")
    assert region() == ("EMEA", "default")


def test_plans_and_alerts_have_owners(box: Box) -> None:
    assert box.get("/scheduled_plans") == []
    assert ids(box.get("/scheduled_plans?user_id=2")) == {"1", "3"}
    assert ids(box.get("/scheduled_plans/search?all_users=true&recipient=grace%25")) == {"2"}
    assert ids(box.get("/scheduled_plans/dashboard/1?all_users=true")) == {"1"}
    assert ids(box.get("/alerts/search?all_owners=true")) == {"1", "2"}
    assert ids(box.get("/looks/search?user_id=3")) == {"3", "4"}
    once = box.api("POST", "/scheduled_plans/1/run_once")[1]
    assert (once["run_once"], once["crontab"], once["dashboard_id"]) == (True, None, "1")
    assert box.api("PATCH", "/scheduled_plans/1", {"scheduled_plan_destination": []})[0] == 422
    assert box.api("DELETE", "/users/2")[0] == 204
    assert ids(box.get("/scheduled_plans?all_users=true")) == {"2"}


# ---- starting and stopping


@pytest.mark.parametrize(
    "arguments",
    [["--port", "x"], ["--port", "99999"], ["--host", "0.0.0.0"], ["--host", "::"], ["--bogus"],
     ["stray"], ["--tls-cert", "a"]],
)
def test_wrong_options_stop_the_start(arguments: list[str]) -> None:
    done = subprocess.run([str(BINARY), *arguments], capture_output=True, timeout=20, check=False)
    assert done.returncode == 2 and done.stderr and not done.stdout


def test_it_stops_at_once_with_answers_on_the_way() -> None:
    box = Box()
    box.login()
    box.rules({"operation": "me", "delay_ms": 60000})
    waiting = threading.Thread(target=lambda: pytest.raises(Exception, box.get, "/user"))
    waiting.start()
    idle = socket.create_connection(("127.0.0.1", box.port))
    time.sleep(0.2)
    start = time.monotonic()
    box.stop()
    assert time.monotonic() - start < 1.9
    waiting.join()
    idle.close()


def test_threads_share_the_state() -> None:
    box = Box("--threads", "3")
    try:
        box.login()
        made = box.api("POST", "/boards", {"title": "Ours"})[1]["id"]
        seen: list[str] = []

        def look() -> None:
            for _ in range(20):
                seen.append(box.get(f"/boards/{made}")["title"])

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == ["Ours"] * 160
    finally:
        box.stop()


def test_it_serves_tls(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True, timeout=60,
    )
    box = Box("--tls-cert", str(cert), "--tls-key", str(key))
    try:
        assert box.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(cert))
        connection = http.client.HTTPSConnection("127.0.0.1", box.port, context=context, timeout=20)
        connection.request("GET", "/versions")
        answer = connection.getresponse()
        assert json.loads(answer.read())["current_version"]["version"] == "4.0"
        connection.close()
    finally:
        box.stop()
