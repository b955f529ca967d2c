"""The judge: does a message have the shape that MCP gives it in a protocol revision?

The shapes are those that the MCP project publishes as the package `mcp-types`, generated from its
schemas. On top of them, this module refuses what the package takes though the schemas do not (null
for an absent member, a value that only fits after conversion, a malformed serverInfo in _meta), and
one thing that the schemas take as well: a field that they do not name, since a misspelt optional
field would go unseen otherwise.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import mcp_types._v2025_11_25 as legacy
import mcp_types._v2026_07_28 as modern
from mcp_types import methods
from pydantic import TypeAdapter, ValidationError

LEGACY_REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_REVISIONS = ("2026-07-28",)
REVISIONS = LEGACY_REVISIONS + MODERN_REVISIONS

# Error codes whose shape the modern schema gives, by code.
MODERN_ERRORS = {
    -32700: modern.ParseError,
    -32600: modern.InvalidRequestError,
    -32601: modern.MethodNotFoundError,
    -32602: modern.InvalidParamsError,
    -32603: modern.InternalError,
    -32020: modern.HeaderMismatchError,
    -32021: modern.MissingRequiredClientCapabilityError,
    -32022: modern.UnsupportedProtocolVersionError,
}
# Members whose values the protocol leaves open.
FREE_JSON = {"structuredContent", "data", "default", "enum", "const", "examples"}
SERVER_INFO = "io.modelcontextprotocol/serverInfo"

# -32002: what resources/read is not to find, before 2026-07-28.
LEGACY_ERRORS = {-32700, -32600, -32601, -32602, -32603, -32002}


class NotMcp(AssertionError):
    """A message that is not what its revision says."""


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _unnamed(sent: Any, known: Any, path: str) -> list[str]:
    """The paths of members of `sent` that are missing from `known`, what the schema kept of it."""
    if isinstance(sent, dict) and isinstance(known, dict):
        lost = [f"{path}.{key}" for key in sent if key not in known]
        return lost + [
            fault
            for key in sent
            if key in known
            for fault in _unnamed(sent[key], known[key], f"{path}.{key}")
        ]
    if isinstance(sent, list) and isinstance(known, list):
        return [
            fault
            for i, (left, right) in enumerate(zip(sent, known))
            for fault in _unnamed(left, right, f"{path}[{i}]")
        ]
    return []


def _nulls(value: Any, path: str) -> list[str]:
    """The paths of nulls, except in members that hold free JSON."""
    if value is None:
        return [path]
    if isinstance(value, dict):
        named = [(f"{path}.{key}", item) for key, item in value.items() if key not in FREE_JSON]
    elif isinstance(value, list):
        named = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
    else:
        named = []
    return [fault for name, item in named for fault in _nulls(item, name)]


def _check(shape: Any, value: Any, what: str) -> None:
    nulls = _nulls(value, what)
    if nulls:
        raise NotMcp(f"null where the schema has none: {', '.join(nulls)}")
    adapter = _adapter(shape)
    try:
        parsed = adapter.validate_json(json.dumps(value), strict=True, by_name=False)
    except ValidationError as error:
        raise NotMcp(f"{what} does not fit: {error}\n{json.dumps(value)[:2000]}") from error
    known = json.loads(adapter.dump_json(parsed, by_alias=True, exclude_unset=True))
    lost = _unnamed(value, known, what)
    if lost:
        raise NotMcp(f"the schema does not name {', '.join(lost)}: {json.dumps(value)[:2000]}")


def _check_id(message: dict[str, Any]) -> None:
    if "id" in message and (
        isinstance(message["id"], bool) or not isinstance(message["id"], (int, str))
    ):
        raise NotMcp(f"the id is neither string nor integer: {message['id']!r}")


def check_response(revision: str, method: str, message: Any) -> None:
    """A response to a request for `method`."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise NotMcp(f"not a JSON-RPC 2.0 message: {str(message)[:500]}")
    _check_id(message)
    is_error = "error" in message
    if is_error == ("result" in message):
        raise NotMcp(f"neither or both of result and error: {str(message)[:500]}")
    extra = set(message) - {"jsonrpc", "id", "result", "error"}
    if extra:
        raise NotMcp(f"members that no response has: {extra}")
    if is_error:
        check_error(revision, message)
        return
    if "id" not in message:
        raise NotMcp("a result without id")
    shape = methods.SERVER_RESULTS.get((method, revision))
    if shape is None:
        raise NotMcp(f"{method} does not exist in {revision}, and was answered with a result")
    _check(shape, message["result"], "result")
    meta = message["result"].get("_meta", {})
    if SERVER_INFO in meta:
        _check(modern.Implementation, meta[SERVER_INFO], "serverInfo")


def check_error(revision: str, message: dict[str, Any]) -> None:
    era = modern if revision in MODERN_REVISIONS else legacy
    _check(era.JSONRPCErrorResponse, message, "message")
    error = message["error"]
    code = error["code"]
    allowed = set(MODERN_ERRORS) if era is modern else LEGACY_ERRORS
    if code not in allowed:
        raise NotMcp(f"{revision} has no error code {code} for a server to send")
    if era is modern:
        shape = MODERN_ERRORS[code]
        _check(shape, message if "error" in shape.model_fields else error, "error")


def check_notification(revision: str, message: Any) -> None:
    """A notification that the server sent."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or "id" in message:
        raise NotMcp(f"not a JSON-RPC 2.0 notification: {str(message)[:500]}")
    shape = methods.SERVER_NOTIFICATIONS.get((message.get("method"), revision))
    if shape is None:
        raise NotMcp(f"{revision} has no notification {message.get('method')!r} by a server")
    _check(shape, message, "notification")


def check_request(revision: str, message: dict[str, Any]) -> None:
    """A well-formed request of ours: the tests must not teach the server another protocol."""
    shape = methods.CLIENT_REQUESTS.get((message["method"], revision))
    if shape is None:
        raise NotMcp(f"{revision} has no request {message['method']!r}")
    _check(shape, message, "request")
