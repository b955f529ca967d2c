"""The handshake and the envelope, in every protocol revision and over both transports."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from harness import schema
from harness.manifest import TOOLS
from harness.mcp import LEGACY, MODERN, McpError, is_modern

HTTP_REVISIONS = [r for r in schema.REVISIONS if r != "2024-11-05"]
# -32022 and the like exist in the modern revision only; what has no era is judged by it.
SUPPORTED = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]


def look_around(server: Any) -> None:
    """What any client does first, judged message by message."""
    if is_modern(server.revision):
        found = server.request("server/discover")
        assert server.revision in found["supportedVersions"]
        assert "tools" in found["capabilities"]
        assert isinstance(found["ttlMs"], int) and found["cacheScope"] in ("public", "private")
        assert len(found.get("instructions", "")) < 2048
    else:
        assert server.request("ping") == {}
    assert {tool["name"] for tool in server.tools()} >= {"query", "list_models", "whoami"}
    assert server.answer("whoami")


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_every_revision_works_over_stdio(stdio: Any, revision: str) -> None:
    look_around(stdio(revision=revision))


@pytest.mark.parametrize("revision", HTTP_REVISIONS)
def test_every_revision_works_over_http(http: Any, revision: str) -> None:
    look_around(http(revision=revision))


def test_initialize_says_who_the_server_is(stdio: Any) -> None:
    server = stdio()
    result = server.initialize()
    assert result["serverInfo"]["name"] == "looker-mcp-server"
    assert re.fullmatch(r"\d+\.\d+\.\d+", result["serverInfo"]["version"])
    offered = {"tools", "resources", "prompts", "completions", "logging"}
    assert set(result["capabilities"]) == offered
    assert not any(result["capabilities"].values()), "nothing changes that it could tell of"
    assert 0 < len(result["instructions"]) < 2048


@pytest.mark.parametrize("asked", ["2026-07-28", "2023-01-01", "2099-01-01", ""])
def test_initialize_offers_the_newest_legacy_revision(stdio: Any, asked: str) -> None:
    params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    result = stdio().request("initialize", params)
    assert result["protocolVersion"] == LEGACY


def test_both_eras_on_one_connection(http: Any) -> None:
    """The era is decided request by request, so one server serves any client."""
    server = http()
    server.revision = MODERN
    look_around(server)
    server.revision = "2025-03-26"
    look_around(server)


@pytest.mark.parametrize("id_", [0, -7, 2**53 + 1, "", "a b", "ünï", "1"])
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_ids_are_echoed_exactly(request: Any, transport: str, id_: int | str) -> None:
    server = request.getfixturevalue(transport)()
    message = server.envelope("ping", None, id_)
    if transport == "stdio":
        answered = server.raw_exchange(json.dumps(message).encode(), "ping")
    else:
        _, answered = server.rpc(message)
    assert answered["id"] == id_ and type(answered["id"]) is type(id_)


@pytest.mark.parametrize("id_", ["null", "1.5", "true", "[1]", "{}"])
def test_other_ids_are_refused(stdio: Any, id_: str) -> None:
    answered = stdio().raw_exchange(b'{"jsonrpc":"2.0","id":%s,"method":"ping"}' % id_.encode(), "ping")
    assert answered["error"]["code"] == -32600
    assert "id" not in answered


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_unknown_method(request: Any, transport: str) -> None:
    server = request.getfixturevalue(transport)()
    message = {"jsonrpc": "2.0", "id": 5, "method": "tools/destroy"}
    if transport == "stdio":
        answered = server.raw_exchange(json.dumps(message).encode())
    else:
        _, answered = server.rpc(message)
    assert answered["error"]["code"] == -32601 and answered["id"] == 5


def test_notifications_are_not_answered(stdio: Any) -> None:
    server = stdio()
    server.notify("notifications/initialized")
    server.notify("notifications/cancelled", {"requestId": 99})
    server.notify("notifications/of-another-kind")
    assert server.request("ping") == {}


def test_a_batch_is_for_2025_03_26_only(http: Any) -> None:
    server = http(revision="2025-03-26")
    batch = [server.envelope("ping", None, 1), server.envelope("tools/list", None, 2)]
    status, _, data = server.post(json.dumps(batch).encode(), {"MCP-Protocol-Version": "2025-03-26"})
    assert status == 200
    answered = {message["id"]: message for message in json.loads(data)}
    schema.check_response("2025-03-26", "ping", answered[1])
    schema.check_response("2025-03-26", "tools/list", answered[2])
    status, _, data = server.post(json.dumps(batch).encode(), {"MCP-Protocol-Version": "2025-06-18"})
    assert status == 400
    schema.check_response("2025-06-18", "ping", json.loads(data))


def test_modern_has_no_handshake(http: Any) -> None:
    server = http(revision=MODERN)
    for method in ("initialize", "ping", "logging/setLevel"):
        status, answered = server.rpc(server.envelope(method, {}, 1))
        assert (status, answered["error"]["code"]) == (404, -32601)


def test_modern_unknown_revision(http: Any) -> None:
    server = http(revision=MODERN)
    message = server.envelope("tools/list", None, 1)
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2031-01-01"
    status, answered = server.rpc(message, {"MCP-Protocol-Version": "2031-01-01"})
    assert (status, answered["error"]["code"]) == (400, -32022)
    assert answered["error"]["data"]["requested"] == "2031-01-01"
    assert sorted(answered["error"]["data"]["supported"], reverse=True) == SUPPORTED


def test_modern_needs_client_capabilities(http: Any) -> None:
    server = http(revision=MODERN)
    message = server.envelope("tools/list", None, 1)
    del message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    status, answered = server.rpc(message)
    assert (status, answered["error"]["code"]) == (400, -32602)


@pytest.mark.parametrize(
    "headers",
    [
        {"MCP-Protocol-Version": "2025-11-25"},
        {"Mcp-Method": "tools/call"},
        {"Mcp-Method": ""},
    ],
)
def test_modern_headers_must_agree(http: Any, headers: dict[str, str]) -> None:
    server = http(revision=MODERN)
    status, answered = server.rpc(server.envelope("tools/list", None, 1), headers)
    assert (status, answered["error"]["code"]) == (400, -32020)


def test_modern_tool_name_header_must_agree(http: Any) -> None:
    server = http(revision=MODERN)
    message = server.envelope("tools/call", {"name": "whoami", "arguments": {}}, 1)
    status, answered = server.rpc(message, {"Mcp-Name": "query"})
    assert (status, answered["error"]["code"]) == (400, -32020)
    status, answered = server.rpc(message, {"Mcp-Name": "=?base64?d2hvYW1p?="})
    assert status == 200 and "result" in answered


def test_modern_header_without_meta(http: Any) -> None:
    server = http(revision=MODERN)
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    status, answered = server.rpc(message)
    assert (status, answered["error"]["code"]) == (400, -32602)


def test_unsupported_version_header(http: Any) -> None:
    server = http()
    body = json.dumps(server.envelope("ping", None, 1)).encode()
    status, _, data = server.post(body, {"MCP-Protocol-Version": "1999-01-01"})
    assert status == 400
    schema.check_error(MODERN, json.loads(data))


@pytest.mark.parametrize("revision", [LEGACY, MODERN])
def test_unknown_tool_is_a_protocol_error(http: Any, revision: str) -> None:
    with pytest.raises(McpError) as caught:
        http(revision=revision).call("no_such_tool")
    assert caught.value.code == -32602
    assert "no_such_tool" in caught.value.message


def test_a_tool_that_is_not_served_names_its_group(http: Any) -> None:
    server = http(GROUPS="identity,query")
    for tool, group in (("check_branch", "workflows"), ("list_models", "explore")):
        with pytest.raises(McpError) as caught:
            server.call(tool)
        assert caught.value.code == -32602
        for word in (tool, f'group "{group}"', "--groups", "LOOKER_GROUPS"):
            assert word in caught.value.message
        assert "did you mean" not in caught.value.message
    with pytest.raises(McpError) as caught:
        server.call("whoam")
    assert 'did you mean "whoami"?' in caught.value.message and "group" not in caught.value.message


def test_the_list_obeys_what_providers_demand(stdio: Any) -> None:
    for revision in (LEGACY, MODERN):
        tools = stdio(revision=revision).tools()
        assert sorted(tool["name"] for tool in tools) == sorted(TOOLS)
        for tool in tools:
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", tool["name"])
            assert 0 < len(tool["description"]) < 2048
            inputs = tool["inputSchema"]
            assert inputs["type"] == "object" and inputs["additionalProperties"] is False
            assert isinstance(inputs["properties"], dict), "clients refuse a schema without it"
            assert not {"oneOf", "anyOf", "allOf"} & set(inputs)
            hints = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
            assert hints <= set(tool["annotations"])


def test_the_list_is_the_same_for_everyone(stdio: Any, http: Any) -> None:
    first = stdio().tools()
    assert stdio().tools() == first
    assert http().tools() == first


def test_stdio_ends_at_eof_after_the_last_answer(stdio: Any) -> None:
    server = stdio()
    pending = [server.start("tools/call", {"name": "whoami", "arguments": {}}) for _ in range(5)]
    server.process.popen.stdin.close()
    for id_ in pending:
        assert not server.finish(id_).get("isError")
    server.close()


def test_messages_are_lines_whatever_the_pieces(stdio: Any) -> None:
    """A pipe hands over bytes as it likes: several messages at once, or one in many pieces."""
    server = stdio()
    first, second = (json.dumps(server.envelope("ping", None, i)).encode() + b"\n" for i in (91, 92))
    server.send_raw(first + second)
    assert [server.read("ping")["id"] for _ in range(2)] == [91, 92]
    for byte in first:
        server.send_raw(bytes([byte]))
    assert server.read("ping")["id"] == 91
    server.send_raw(b"\n\r\n" + second.replace(b"\n", b"\r\n"))
    assert server.read("ping")["id"] == 92


