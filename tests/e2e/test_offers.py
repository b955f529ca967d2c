"""Resources, prompts, completion, listening and log messages, in every revision and over both
transports. Every message is judged by the schema of its revision (harness.schema)."""

from __future__ import annotations

import json
import re
import socket
from typing import Any
from urllib.parse import quote

import pytest
from harness import schema
from harness.mcp import LEGACY, MODERN, McpError, is_modern

HTTP_REVISIONS = [r for r in schema.REVISIONS if r != "2024-11-05"]
EXPLORE = "looker://models/{model}/explores/{explore}"
FILE = "looker://projects/{project}/files/{path}"
DASHBOARD = "looker://dashboards/{id}"
LOOK = "looker://looks/{id}"
EVERYWHERE = [("stdio", r) for r in schema.REVISIONS] + [("http", r) for r in HTTP_REVISIONS]
BOTH_ERAS = [("stdio", LEGACY), ("stdio", MODERN), ("http", LEGACY), ("http", MODERN)]


def start(request: Any, transport: str, revision: str = LEGACY, **settings: str) -> Any:
    return request.getfixturevalue(transport)(revision=revision, **settings)


def read(server: Any, uri: str) -> dict[str, Any]:
    """The one content of a resource."""
    [content] = server.request("resources/read", {"uri": uri})["contents"]
    assert content["uri"] == uri
    return content


def fail(server: Any, method: str, params: dict[str, Any]) -> McpError:
    with pytest.raises(McpError) as caught:
        server.request(method, params)
    return caught.value


def complete(server: Any, ref: str, name: str, value: str = "", **known: str) -> list[str]:
    kind = {"type": "ref/resource", "uri": ref} if ":" in ref else {"type": "ref/prompt", "name": ref}
    params: dict[str, Any] = {"ref": kind, "argument": {"name": name, "value": value}}
    if known:
        params["context"] = {"arguments": known}
    completion = server.request("completion/complete", params)["completion"]
    assert completion["total"] >= len(completion["values"])
    assert completion["hasMore"] == (completion["total"] > 100)
    return completion["values"]


@pytest.mark.parametrize("transport,revision", EVERYWHERE)
def test_everything_once(request: Any, transport: str, revision: str) -> None:
    server = start(request, transport, revision)
    listed = server.request("resources/list")
    uris = {item["uri"] for item in listed["resources"]}
    assert "looker://models/thelook/explores/orders" in uris
    templates = server.request("resources/templates/list")
    assert [t["uriTemplate"] for t in templates["resourceTemplates"]] == [EXPLORE, FILE, DASHBOARD, LOOK]
    content = read(server, "looker://models/thelook/explores/orders")
    assert json.loads(content["text"])["name"] == "orders"
    prompts = server.request("prompts/list")
    assert [p["name"] for p in prompts["prompts"]] == [
        "explore_dataset", "validate_pull_request", "audit_instance", "clean_up_content",
    ]
    got = server.request("prompts/get", {"name": "explore_dataset"})
    assert got["messages"][0]["role"] == "user"
    if revision >= "2025-06-18":
        assert complete(server, EXPLORE, "explore", "ORD", model="thelook") == ["orders", "order_items"]
    else:  # which knew no context
        assert complete(server, EXPLORE, "model", "the") == ["thelook"]
    if is_modern(revision):
        assert (listed["cacheScope"], templates["cacheScope"]) == ("private", "public")
        found = server.request("server/discover")["capabilities"]
    else:
        found = server.initialize()["capabilities"]
    assert {"tools", "resources", "prompts"} <= set(found)
    assert ("completions" in found) == (revision != "2024-11-05")


# ---- resources ----


def test_a_list_has_pages(request: Any) -> None:
    server = start(request, "stdio")
    first = server.request("resources/list")
    assert len(first["resources"]) == 100
    seen, cursor = list(first["resources"]), first.get("nextCursor")
    while cursor:
        page = server.request("resources/list", {"cursor": cursor})
        seen += page["resources"]
        cursor = page.get("nextCursor")
    explores = [
        (model["name"], explore["name"])
        for model in server.answer("list_models", {"limit": 1000})["items"]
        for explore in model["explores"]
    ]
    assert len(explores) > 500, "so that the list ends before they do"
    names = [f"{model}/{explore}" for model, explore in explores[:500]]
    assert [item["name"] for item in seen] == names
    for cursor in ("", "0", "-100", "x", "1e2", "9" * 30, "[1]", " 100", "100 "):
        assert fail(server, "resources/list", {"cursor": cursor}).code == -32602


@pytest.mark.parametrize("transport,revision", BOTH_ERAS)
def test_what_resources_say(request: Any, transport: str, revision: str) -> None:
    server = start(request, transport, revision)
    whole = server.answer("get_explore", {"model_name": "thelook", "explore_name": "order_items"})
    content = read(server, "looker://models/thelook/explores/order_items")
    assert json.loads(content["text"]) == whole
    text = server.answer("get_file", {
        "project_id": "thelook", "file_id": "views/orders.view.lkml", "dev_mode": False,
    })["content"]
    for uri in ("views/orders.view.lkml", "views%2Forders.view.lkml", "%76iews/orders%2Eview.lkml"):
        content = read(server, f"looker://projects/thelook/files/{uri}")
        assert (content["text"], content["mimeType"]) == (text, "text/plain")
    dashboard = json.loads(read(server, "looker://dashboards/1")["text"])
    assert dashboard == server.answer("get_dashboard", {"dashboard_id": "1"})
    look = json.loads(read(server, "looker://looks/1")["text"])
    assert (look["id"], look["query"]["view"]) == ("1", "orders")


@pytest.mark.parametrize("transport,revision", BOTH_ERAS)
@pytest.mark.parametrize(
    "uri",
    [
        "looker://models/thelook/explores/nothing",
        "looker://models/thelook/explores/%C3%A9%20%2F",
        "looker://models/nothing/explores/orders",
        "looker://projects/nothing/files/views/orders.view.lkml",
        "looker://projects/thelook/files/nothing.lkml",
        "looker://projects/thelook/files/views/../views/orders.view.lkml",
        "looker://projects/thelook/files/..%2f..%2fetc%2fpasswd",
        "looker://dashboards/99999",
        "looker://looks/99999",
        "looker://looks/1%00",
        "looker://looks/1?dev=true",
        "looker://looks/",
        "looker://tools/query",
        "LOOKER://looks/1",
        "file:///etc/passwd",
        "",
    ],
)
def test_what_is_not_there(request: Any, transport: str, revision: str, uri: str) -> None:
    error = fail(start(request, transport, revision), "resources/read", {"uri": uri})
    assert error.code == (-32602 if is_modern(revision) else -32002)
    assert error.data["uri"] == uri


def test_the_files_are_those_of_production(request: Any) -> None:
    """Whatever the tools do in the dev workspace."""
    server = start(request, "stdio")
    uri = "looker://projects/thelook/files/views/orders.view.lkml"
    before = read(server, uri)["text"]
    draft = {"project_id": "thelook", "file_id": "views/orders.view.lkml", "content": "view: draft {}"}
    server.answer("update_file", draft)
    assert read(server, uri)["text"] == before


def test_a_file_too_long_is_not_cut(request: Any) -> None:
    server = start(request, "stdio", MODERN, MAX_RESULT_BYTES="1000")
    uri = "looker://projects/thelook/files/long.lkml"
    file = {"project_id": "thelook", "file_id": "long.lkml", "content": "x" * 1001}
    server.answer("create_file", file)
    server.answer("deploy_to_production", {"project_id": "thelook"})
    error = fail(server, "resources/read", {"uri": uri})
    assert error.code == -32603 and "get_file" in error.message
    server.answer("update_file", {**file, "content": "x" * 1000})
    server.answer("deploy_to_production", {"project_id": "thelook"})
    assert read(server, uri)["text"] == "x" * 1000


def test_a_looker_without_texts(request: Any, looker: Any) -> None:
    looker.rules({"operation": "get_project_file_content", "status": 404})
    uri = "looker://projects/thelook/files/views/orders.view.lkml"
    error = fail(start(request, "stdio", MODERN), "resources/read", {"uri": uri})
    assert error.code == -32603 and error.data["kind"] == "unsupported"
    assert "not its text" in error.message


# ---- who reads ----


def test_resources_are_read_as_the_caller(request: Any, looker: Any) -> None:
    """The identity header counts for them as it does for tools."""
    server = start(request, "http", headers={"X-User-Email": "ada@example.com"})
    read(server, "looker://looks/1")
    read(server, "looker://models/thelook/explores/orders")
    complete(server, "validate_pull_request", "project")
    server.request("resources/list")
    for operation in ("look", "lookml_model_explore", "all_projects", "all_lookml_models"):
        asked = looker.requests(operation)
        assert asked and {r["user"] for r in asked} == {"2"}, operation
    server.headers = {"X-User-Email": "nobody@example.com"}
    for method, params in (
        ("resources/read", {"uri": "looker://looks/1"}),
        ("resources/list", {}),
        ("prompts/get", {"name": "explore_dataset"}),
    ):
        error = fail(server, method, params)
        assert error.code == -32603 and error.data["kind"] == "auth"


# ---- what is offered ----


@pytest.mark.parametrize(
    "groups,templates,prompts",
    [
        ("explore", [EXPLORE], []),
        ("content", [DASHBOARD], []),
        ("query", [LOOK], []),
        ("modeling", [FILE], []),
        ("explore,query", [EXPLORE, LOOK], ["explore_dataset"]),
        ("explore,modeling,git", [EXPLORE, FILE], ["validate_pull_request"]),
        ("modeling,git,workflows", [FILE], ["validate_pull_request"]),
        ("workflows,health", [], ["audit_instance"]),
        ("workflows,content", [DASHBOARD], ["clean_up_content"]),
    ],
)
def test_what_goes_with_the_groups(
    request: Any, groups: str, templates: list[str], prompts: list[str]
) -> None:
    server = start(request, "stdio", GROUPS=groups)
    capabilities = server.initialize()["capabilities"]
    assert ("resources" in capabilities) == bool(templates)
    assert ("prompts" in capabilities) == bool(prompts)
    if templates:
        found = server.request("resources/templates/list")["resourceTemplates"]
        assert [t["uriTemplate"] for t in found] == templates
        assert bool(server.request("resources/list")["resources"]) == (EXPLORE in templates)
    else:
        assert fail(server, "resources/list", {}).code == -32601
    if prompts:
        assert [p["name"] for p in server.request("prompts/list")["prompts"]] == prompts
    else:
        assert fail(server, "prompts/list", {}).code == -32601


def test_prompts_name_only_tools_that_exist(request: Any) -> None:
    server = start(request, "stdio")
    tools = {tool["name"]: tool["inputSchema"]["properties"] for tool in server.tools()}
    arguments = {
        "validate_pull_request": {"project": "thelook", "branch": "feature/returns", "changes": "a"},
        "explore_dataset": {"model": "thelook", "explore": "orders", "field": "orders.status"},
    }
    for prompt in server.request("prompts/list")["prompts"]:
        got = server.request(
            "prompts/get", {"name": prompt["name"], "arguments": arguments.get(prompt["name"], {})}
        )
        text = got["messages"][0]["content"]["text"]
        words = set(text.replace("(", " ").replace(":", " ").replace(",", " ").replace(";", " ").split())
        named = {w for w in words if "_" in w and w.islower() and w.replace("_", "").isalpha()}
        used = named & set(tools)
        known = set().union(*(tools[name] for name in used))
        given = {w.split("=")[0] for w in words if "=" in w}
        assert used and named | given <= set(tools) | known | {"branch"}, (named, given)


def test_prompts_say_what_was_asked(request: Any) -> None:
    server = start(request, "http", MODERN)
    got = server.request("prompts/get", {
        "name": "validate_pull_request",
        "arguments": {"project": "thelook", "branch": "feature/returns", "changes": "Ünïted \"views\""},
    })
    text = got["messages"][0]["content"]["text"]
    assert "branch=feature/returns" in text and 'Ünïted "views"' in text
    got = server.request("prompts/get", {"name": "audit_instance", "arguments": {"focus": "errors"}})
    text = got["messages"][0]["content"]["text"]
    assert "scope=errors" in text and "find_stale_content" not in text
    got = server.request("prompts/get", {"name": "explore_dataset", "arguments": {"explore": "orders"}})
    assert "Find the explore orders" in got["messages"][0]["content"]["text"]


@pytest.mark.parametrize(
    "groups", ["all", "explore", "explore,query", "query", "git,modeling", "admin", "audit", "render", "api"]
)
def test_instructions_name_only_tools_that_are_served(request: Any, groups: str) -> None:
    server = start(request, "stdio", GROUPS=groups)
    text = server.initialize()["instructions"]
    assert len(text) < 2048
    served = {tool["name"] for tool in server.tools()}
    words = set(re.findall("[a-z]+(?:_[a-z]+)+", text))
    named = words - {"next_offset", "query_task_id", "left_to_do", "dry_run"}
    assert named <= served, named - served
    assert named, "with which tool to start"
    assert ("Resources" in text) == ("resources" in server.initialize()["capabilities"])
    assert ("Prompts" in text) == ("prompts" in server.initialize()["capabilities"])


@pytest.mark.parametrize("groups", ["all", "explore,modeling,git"])
def test_a_branch_is_checked_with_what_is_there(request: Any, groups: str) -> None:
    server = start(request, "stdio", GROUPS=groups)
    params = {"name": "validate_pull_request", "arguments": {"project": "thelook", "branch": "b"}}
    text = server.request("prompts/get", params)["messages"][0]["content"]["text"]
    names = {tool["name"] for tool in server.tools()}
    for name in ("check_branch", "compare_query"):
        assert (name in text) == (name in names) == (groups == "all")
    assert ("validate_project" in text) == (groups != "all")


@pytest.mark.parametrize(
    "params",
    [
        {"name": "no_such_prompt"},
        {"name": "validate_pull_request"},
        {"name": "validate_pull_request", "arguments": {"project": "thelook"}},
        {"name": "validate_pull_request", "arguments": {"project": "thelook", "branch": " "}},
        {"name": "audit_instance", "arguments": {"focus": "everything"}},
        {"name": "clean_up_content", "arguments": {"days": "many"}},
        {"name": "clean_up_content", "arguments": {"days": "-1"}},
        {"name": "clean_up_content", "arguments": {"days": "0"}},
        {"name": "explore_dataset", "arguments": {"modle": "thelook"}},
    ],
)
def test_bad_prompts(request: Any, params: dict[str, Any]) -> None:
    assert fail(start(request, "http", MODERN), "prompts/get", params).code == -32602


# ---- completion ----


def test_what_is_suggested(request: Any) -> None:
    server = start(request, "http", MODERN)
    pull, data = "validate_pull_request", "explore_dataset"
    assert "thelook" in complete(server, EXPLORE, "model")
    assert complete(server, data, "model", "LOOK") == ["thelook"]
    assert complete(server, data, "explore", "orders") == ["orders"]
    assert complete(server, data, "explore", "order", model="thelook") == ["orders", "order_items"]
    fields = complete(server, data, "field", "orders.", model="thelook", explore="orders")
    assert "orders.status" in fields and "orders.count" in fields
    assert "thelook" in complete(server, pull, "project")
    assert "feature/returns" in complete(server, pull, "branch", "feature", project="thelook")
    assert complete(server, FILE, "path", "orders.v", project="thelook") == ["views/orders.view.lkml"]
    assert "1" in complete(server, DASHBOARD, "id") and "1" in complete(server, LOOK, "id")
    assert len(complete(server, EXPLORE, "explore", model="big")) == 100


def test_what_is_not_suggested(request: Any) -> None:
    """What is not known, or not there: no error, and nothing."""
    server = start(request, "stdio", MODERN)
    assert complete(server, EXPLORE, "explore", model="nothing") == []
    assert complete(server, "explore_dataset", "field") == []
    assert complete(server, "explore_dataset", "field", model="nothing", explore="x") == []
    assert complete(server, "explore_dataset", "question", "how") == []
    assert complete(server, "validate_pull_request", "branch") == []
    assert complete(server, "validate_pull_request", "branch", project="nothing") == []
    assert complete(server, FILE, "path") == []


def test_a_suggestion_makes_an_address(request: Any) -> None:
    server = start(request, "stdio", MODERN)
    for path in complete(server, FILE, "path", project="thelook"):
        read(server, f"looker://projects/thelook/files/{quote(path, safe='')}")


def test_looker_down_is_an_error(request: Any, looker: Any) -> None:
    server = start(request, "stdio")
    looker.rules({"operation": "all_projects", "status": 500, "times": 10})
    params = {
        "ref": {"type": "ref/prompt", "name": "validate_pull_request"},
        "argument": {"name": "project", "value": ""},
    }
    assert fail(server, "completion/complete", params).code == -32603


# ---- listening, log messages ----


DRAFT = {"project_id": "thelook", "file_id": "views/orders.view.lkml", "content": "view: x {}"}


def messages(server: Any) -> list[tuple[str, str, str]]:
    sent = [n["params"] for n in server.notifications if n["method"] == "notifications/message"]
    return [(p["level"], p["logger"], p["data"]) for p in sent]


def deploy(server: Any, **meta: Any) -> None:
    server.answer("update_file", DRAFT)
    params = {"name": "deploy_to_production", "arguments": {"project_id": "thelook"}}
    if meta:
        params["_meta"] = {f"io.modelcontextprotocol/{k}": v for k, v in meta.items()}
    assert not server.request("tools/call", params).get("isError")


def test_what_a_tool_changes_is_told_to_those_who_want_it(request: Any) -> None:
    server = start(request, "stdio", MODERN)
    deploy(server)
    deploy(server, logLevel="warning")
    assert not messages(server)
    deploy(server, logLevel="notice")
    [(level, logger, data)] = messages(server)
    assert (level, logger) == ("notice", "deploy_to_production") and data


def test_a_legacy_client_sets_the_level(request: Any) -> None:
    server = start(request, "stdio", LEGACY)
    assert server.request("logging/setLevel", {"level": "error"}) == {}
    deploy(server)
    assert not messages(server)
    server.request("logging/setLevel", {"level": "info"})
    deploy(server)
    assert [m[0] for m in messages(server)] == ["notice"]
    wrong = {"jsonrpc": "2.0", "id": 99, "method": "logging/setLevel", "params": {"level": "info "}}
    answered = server.raw_exchange(json.dumps(wrong).encode(), "logging/setLevel")
    assert answered["error"]["code"] == -32602


def test_listening_over_stdio(request: Any) -> None:
    server = start(request, "stdio", MODERN)
    id_ = server.start("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    assert server.answer("whoami")  # the subscription is in nobody's way
    [acknowledged] = server.notifications
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == {}
    assert acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == id_
    server.process.popen.stdin.close()
    ended = server.finish(id_, seconds=3)  # at once, not when calls would have had time to finish
    assert ended["resultType"] == "complete"
    server.close()


def test_listening_over_http(request: Any) -> None:
    server = start(request, "http", MODERN)
    message = server.envelope("subscriptions/listen", {"notifications": {}}, "a b")
    schema.check_request(MODERN, message)
    body = json.dumps(message).encode()
    head = "".join(f"{k}: {v}\r\n" for k, v in server.request_headers(message).items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(
            f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode()
            + body
        )
        came = b""
        while b"\n\n" not in came.split(b"\r\n\r\n", 1)[-1]:
            piece = client.recv(65536)
            assert piece, came
            came += piece
        assert b"text/event-stream" in came and b"x-accel-buffering: no" in came
        server.process.popen.terminate()
        while piece := client.recv(65536):
            came += piece
    events = [json.loads(line[6:]) for line in came.split(b"\n") if line.startswith(b"data: ")]
    schema.check_notification(MODERN, events[0])
    schema.check_response(MODERN, "subscriptions/listen", events[1])
    assert events[1]["id"] == "a b"
    server.process.wait(10)


@pytest.mark.parametrize("revision", [LEGACY, MODERN])
def test_listening_without_a_stream(request: Any, revision: str) -> None:
    server = start(request, "http", revision)
    message = server.envelope("subscriptions/listen", {"notifications": {}}, 1)
    status, answered = server.rpc(message, {"Accept": "application/json"})
    expected = (200, -32602) if is_modern(revision) else (200, -32601)
    assert (status, answered["error"]["code"]) == expected


def test_the_end_of_a_listener_is_noticed(request: Any, looker: Any) -> None:
    """It leaves nothing behind that would hold up the end of the server."""
    server = start(request, "http", MODERN)
    message = server.envelope("subscriptions/listen", {"notifications": {}}, 1)
    body = json.dumps(message).encode()
    head = "".join(f"{k}: {v}\r\n" for k, v in server.request_headers(message).items())
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(
                f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{head}\r\n"
                .encode() + body
            )
            assert client.recv(65536)
    assert server.answer("whoami")
