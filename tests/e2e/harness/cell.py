"""The one cell that the tests of leases are about: which branch of a project one user has checked out."""

from __future__ import annotations

import collections
import http.client
import json
from typing import Any

from .sandbox import Sandbox

PROJECT = "thelook"
USER = "1"  # the service account
HOME = "main"
BRANCHES = [f"ci-{n}" for n in range(5)]


class Cell:
    """The cell of a sandbox as good as new, with BRANCHES to borrow, on HOME."""

    def __init__(self, looker: Sandbox) -> None:
        self.looker = looker
        token = looker.token_of(USER)
        self._ask(token, "PATCH", "/session", {"workspace_id": "dev"})
        for branch in BRANCHES:
            self._ask(token, "POST", f"/projects/{PROJECT}/git_branch", {"name": branch})
        self.set(HOME)
        self.forget()

    def _ask(self, token: str, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.looker.port, timeout=20)
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body)
        connection.request(method, "/api/4.0" + path, sent, headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        assert response.status < 300, (path, text)
        return json.loads(text) if text else None

    def forget(self) -> None:
        """What was asked so far."""
        self.looker.control("DELETE", "/_sandbox/requests")

    def set(self, branch: str) -> None:
        """As somebody else would."""
        body = {"user": USER, "project": PROJECT, "branch": branch}
        self.looker.control("POST", "/_sandbox/cells", body)

    def branch(self) -> str:
        cells = self.looker.control("GET", "/_sandbox/cells")
        listed = cells["cells"] if isinstance(cells, dict) else cells
        (found,) = (c for c in listed if c["user"] == USER and c["project"] == PROJECT)
        return str(found["branch"])

    def query(self, n: int, **more: Any) -> dict[str, Any]:
        """Arguments of the tool `query` for BRANCHES[n]."""
        return {**self.production(n), "project_id": PROJECT, "branch": BRANCHES[n], **more}

    def production(self, n: int) -> dict[str, Any]:
        """The same without a branch."""
        fields = ["orders.id"]
        return {"model": "thelook", "view": "orders", "fields": fields, "limit": 10 + n}

    def checkouts(self) -> list[str]:
        """Which branches were checked out, in order."""
        asked = self.looker.requests("update_git_branch")
        return [json.loads(r["body"])["name"] for r in asked if r["status"] < 300]

    def swaps(self) -> collections.Counter[str]:
        return collections.Counter(name for name in self.checkouts() if name != HOME)

    def assert_well(self, n_queries: int | None = None) -> None:
        """It is home, and each query ran on the branch that it was for."""
        assert self.branch() == HOME
        ran = [r for r in self.looker.requests("create_query_task") if r["workspace"] == "dev"]
        ids = [json.loads(request["body"])["query_id"] for request in ran]
        token = self.looker.token_of(USER)
        limits = {id_: int(self._ask(token, "GET", f"/queries/{id_}")["limit"]) for id_ in set(ids)}
        for request, id_ in zip(ran, ids, strict=True):
            wanted = BRANCHES[limits[id_] - 10]
            assert request["branch"] == wanted, f"a query for {wanted} ran on {request['branch']}"
        assert n_queries is None or len(ran) == n_queries
