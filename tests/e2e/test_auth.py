"""Who may call over HTTP, and as whom their calls run: access tokens of a real authorization server
(oidc-provider), and Looker's own. Tokens that are wrong in any way get a 401 and Looker hears nothing."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.authserver import FOLDER, RESOURCE, AuthServer, make_certificate
from harness.mcp import LEGACY, MODERN, settings_for
from harness.process import ROOT, environment, run, wait_for
from harness.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (FOLDER / "node_modules").is_dir(),
    reason="needs Node.js and the packages of tests/authserver; tools/test.sh installs both",
)

METADATA = "/.well-known/oauth-protected-resource"
METADATA_URL = "https://looker-mcp.example.com" + METADATA + "/mcp"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def shared_issuer(
    certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AuthServer]:
    server = AuthServer(tmp_path_factory.mktemp("authserver"), *certificate)
    yield server
    server.close()


@pytest.fixture
def issuer(shared_issuer: AuthServer) -> AuthServer:
    shared_issuer.control("jwks", fetched=0, fail=False, delay=0)
    return shared_issuer


def public_settings(issuer: AuthServer) -> dict[str, str]:
    return {
        "MCP_MODE": "public",
        "MCP_ISSUER_URL": issuer.issuer,
        "MCP_JWKS_URI": f"{issuer.issuer}/jwks",
        "MCP_RESOURCE_URI": RESOURCE,
        "CA_FILE": str(issuer.cert),
    }


@pytest.fixture
def public(http: Any, issuer: AuthServer) -> Callable[..., Any]:
    """public(token, NAME=value …): a server of that mode, a first call with the token made."""

    def start(token: str | None = None, **more: Any) -> Any:
        headers = bearer(token or issuer.token())
        return http(headers=headers, **{**public_settings(issuer), **more})

    return start


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def try_call(
    server: Any, token: str | None, tool: str = "whoami", arguments: Any = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    """A tool call as anybody might send it: status, headers, body."""
    message = server.envelope("tools/call", {"name": tool, "arguments": arguments or {}}, 1)
    server.headers = {}
    sent = {**server.request_headers(message), **headers, **(bearer(token) if token else {})}
    status, answered, data = server.exchange("POST", "/mcp", json.dumps(message).encode(), sent)
    return status, answered, json.loads(data)


def who(server: Any, token: str, **headers: str) -> str:
    status, _, body = try_call(server, token, **headers)
    assert status == 200, body
    assert not body["result"].get("isError"), body
    return str(json.loads(body["result"]["content"][0]["text"])["id"])


def challenge(headers: dict[str, str]) -> dict[str, str]:
    """The parameters of WWW-Authenticate, which must be well-formed."""
    value = headers["www-authenticate"]
    assert re.fullmatch(r'Bearer [a-z_]+="[^"\\]*"(, [a-z_]+="[^"\\]*")*', value), value
    return dict(re.findall(r'([a-z_]+)="([^"]*)"', value))


def assert_refused(server: Any, looker: Sandbox, token: str, why: str = "") -> None:
    status, headers, body = try_call(server, token)
    assert status == 401, body
    given = challenge(headers)
    assert given["error"] == "invalid_token" and given["resource_metadata"] == METADATA_URL
    assert why in given["error_description"], given
    assert why in body["error"]["message"]
    assert token not in json.dumps(body) + str(headers)
    assert looker.requests() == [], "nothing of it reaches Looker"
    id_ = headers["x-request-id"]
    mine = lambda: [e for e in logged(server, "auth.refused") or [] if e["request_id"] == id_]
    (line,) = wait_for("its line", lambda: mine() or None)
    assert line["client"] == "127.0.0.1"


def logged(server: Any, event: str) -> list[dict[str, Any]] | None:
    """The lines of that event; None when there are none yet, for wait_for."""
    return [entry for entry in server.process.log() if entry["event"] == event] or None


# ---- tokens that are good ----


@pytest.mark.parametrize("revision", [LEGACY, MODERN])
@pytest.mark.parametrize("client", ["ada", "ada-es"])
def test_a_token_that_was_issued_for_this_server(
    public: Any, issuer: AuthServer, looker: Sandbox, client: str, revision: str
) -> None:
    token = issuer.token(client)
    server = public(token, revision=revision)
    assert who(server, token) == "2"
    assert who(server, token) == "2", "and again, remembered"
    requests = looker.requests()
    assert [r["user"] for r in requests if r["operation"] == "me"] == ["2", "2"]
    assert token not in json.dumps(requests), "the token itself stays here"
    assert len(looker.requests("login_user")) == 1
    assert issuer.fetched() == 1


def test_hand_made_tokens_are_good_when_they_are_right(public: Any, issuer: AuthServer) -> None:
    server = public()
    now = time.time()
    for token in (
        issuer.sign(),
        issuer.sign(key="ES256", alg="ES256"),
        issuer.sign(issuer.claims(aud=["https://other.example.com", RESOURCE])),
        issuer.sign(header={"typ": "JWT"}),
        issuer.sign(issuer.claims(exp=int(now) - 30)),
        issuer.sign(issuer.claims(nbf=int(now) + 30)),
        issuer.sign(issuer.claims(exp=now + 60.5, iat=None)),
    ):
        assert who(server, token) == "2"


# ---- tokens that are not ----


def attacks(issuer: AuthServer) -> dict[str, tuple[str, str]]:
    """Each with a word of what is said about it."""
    now = int(time.time())
    good = issuer.sign()
    claims = issuer.claims
    text = json.dumps(claims())
    return {
        "audience": (issuer.sign(claims(aud="https://other.example.com/mcp")), "aud"),
        "audience of the host": (issuer.sign(claims(aud=RESOURCE.rsplit("/", 1)[0])), "aud"),
        "no audience": (issuer.sign(claims(aud=None)), "aud"),
        "issuer": (issuer.sign(claims(iss="https://evil.example.com")), "iss"),
        "issuer with a slash": (issuer.sign(claims(iss=issuer.issuer + "/")), "iss"),
        "expired": (issuer.sign(claims(exp=now - 120)), "expired"),
        "no expiry": (issuer.sign(claims(exp=None)), "exp"),
        "not yet valid": (issuer.sign(claims(nbf=now + 600)), "nbf"),
        "from the future": (issuer.sign(claims(iat=now + 600)), "iat"),
        "wrong key": (issuer.sign(stranger=True), "signature"),
        "wrong EC key": (issuer.sign(alg="ES256", key="ES256", stranger=True), "signature"),
        "unknown kid": (issuer.sign(header={"kid": "made-up"}, stranger=True), "kid"),
        "none": (issuer.sign(header={"alg": "none"}, alg="none"), "three parts"),
        "none with a signature": (issuer.sign(header={"alg": "none"}), "RS256 or ES256"),
        "HS256 with the public key": (issuer.sign(alg="HS256"), "RS256 or ES256"),
        "HMAC that says RS256": (issuer.sign(header={"alg": "RS256"}, alg="HS256"), "signature"),
        "RS256 on an EC key": (issuer.sign(header={"alg": "RS256"}, alg="ES256", key="ES256"), "kid"),
        "ES256 on an RSA key": (issuer.sign(header={"alg": "ES256"}), "kid"),
        "RS512": (issuer.sign(header={"alg": "RS512"}), "RS256 or ES256"),
        "truncated": (good[:-1], ""),
        "truncated signature": (good[: good.rindex(".") + 20], "signature"),
        "no signature": (good[: good.rindex(".")], "three parts"),
        "empty signature": (good[: good.rindex(".") + 1], ""),
        "padded": (good + "=", "base64url"),
        "padded claims": (good.replace(".", "=.", 1), "header"),
        "a part more": (good + ".e30", "three parts"),
        "duplicated claim": (issuer.sign(text[:-1] + ', "aud": "x"}'), "claims"),
        "duplicated expiry": (issuer.sign(text[:-1] + ', "exp": 9999999999}'), "claims"),
        "duplicated in disguise": (issuer.sign(text[:-1] + ', "\\u0065xp": 9999999999}'), "claims"),
        "duplicated alg": (issuer.sign(header='{"alg":"none","alg":"RS256"}'), "header"),
        "claims that are a list": (issuer.sign("[]"), "claims"),
        "claims that are no JSON": (issuer.sign("{'a': 1}"), "claims"),
        "claims nested too deep": (issuer.sign('{"a":' + "[" * 50 + "]" * 50 + "}"), "claims"),
        "crit": (issuer.sign(header={"crit": ["x"], "x": 1}), "crit"),
        "crit b64": (issuer.sign(header={"crit": ["b64"], "b64": False}), "crit"),
        "another type": (issuer.sign(header={"typ": "logout+jwt"}), "typ"),
        "unverified address": (issuer.sign(claims(email_verified=False)), "email_verified"),
        "20 KB": (issuer.sign(claims(x="y" * 15000)), "long"),
        "1 MB": ("a" * (1 << 20), "long"),
        "a megabyte of JWT": (issuer.sign(claims(x="y" * 786432)), "long"),
        "no JWT": ("opaque-token", "three parts"),
        "odd characters": ("a!b.c.d", ""),
    }


def test_tokens_that_are_wrong_in_one_way(
    public: Any, issuer: AuthServer, looker: Sandbox
) -> None:
    good = issuer.token()
    server = public(good)
    for name, (token, why) in attacks(issuer).items():
        try:
            assert_refused(server, looker, token, why)
        except Exception as problem:
            raise AssertionError(name) from problem
    assert who(server, good) == "2", "which bothers nobody else"
    log = server.process.stderr.decode()
    assert good not in log and good.split(".")[2] not in log


def test_a_token_for_another_resource_of_the_same_issuer(
    public: Any, issuer: AuthServer, looker: Sandbox
) -> None:
    other = issuer.token(resource="https://elsewhere.example.com/mcp")
    assert_refused(public(), looker, other, "aud")


@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "Bearer", "Bearer ", "token abc"])
def test_without_a_token(public: Any, looker: Sandbox, authorization: str | None) -> None:
    server = public()
    headers = {} if authorization is None else {"Authorization": authorization}
    status, answered, body = try_call(server, None, **headers)
    assert status == 401 and "bearer token" in body["error"]["message"]
    given = challenge(answered)
    assert given == {
        "realm": "looker-mcp-server",
        "resource_metadata": METADATA_URL,
        "scope": "openid email",
    }
    assert looker.requests() == []


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_every_method_wants_a_token(public: Any, issuer: AuthServer, method: str) -> None:
    server = public()
    status, headers, _ = server.exchange(method, "/mcp")
    assert status == 401 and "www-authenticate" in headers
    assert server.exchange(method, "/mcp", headers=bearer(issuer.token()))[0] == 405


def test_two_authorization_headers(public: Any, issuer: AuthServer, looker: Sandbox) -> None:
    server = public()
    good = issuer.token()
    body = json.dumps(server.envelope("tools/call", {"name": "whoami", "arguments": {}}, 1))
    with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
        raw.sendall(
            f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        text = raw.recv(65536).decode()
    assert text.startswith("HTTP/1.1 400 ") and 'error="invalid_request"' in text
    assert looker.requests() == []


@pytest.mark.parametrize("name", ["access_token", "authorization", "ACCESS_TOKEN", "token"])
@pytest.mark.parametrize("path", ["/mcp", "/healthz", METADATA])
def test_a_token_in_the_query_string(
    public: Any, issuer: AuthServer, looker: Sandbox, path: str, name: str
) -> None:
    server = public()
    good = issuer.token()
    where = f"{path}?x=1&{name}={good}"
    status, headers, data = server.exchange("POST", where, b"{}", bearer(good))
    assert status == 400 and b"query string" in data
    assert challenge(headers)["error"] == "invalid_request"
    assert good not in data.decode() + str(headers) + server.process.stderr.decode()
    assert looker.requests() == []


# ---- what anybody may read ----


@pytest.mark.parametrize("path", [METADATA, METADATA + "/mcp"])
def test_where_tokens_come_from(public: Any, issuer: AuthServer, path: str) -> None:
    server = public()
    status, headers, data = server.exchange("GET", path, headers={"Origin": "https://x.example"})
    assert status == 200 and headers["content-type"] == "application/json"
    assert headers["access-control-allow-origin"] == "*"
    document = json.loads(data)
    assert document["resource"] == RESOURCE
    assert document["authorization_servers"] == [issuer.issuer]
    assert document["scopes_supported"] == ["openid", "email"]
    assert document["bearer_methods_supported"] == ["header"]
    assert server.exchange("HEAD", path)[0] == 200
    assert server.exchange("POST", path, b"{}")[0] == 405
    asked = {"Origin": "https://x.example", "Access-Control-Request-Headers": "mcp-protocol-version"}
    status, headers, _ = server.exchange("OPTIONS", path, headers=asked)
    assert status == 204 and headers["access-control-allow-headers"] == "mcp-protocol-version"
    assert server.exchange("GET", METADATA + "/other")[0] == 404


def test_a_resource_without_a_path(http: Any, issuer: AuthServer) -> None:
    resource = "https://looker-mcp.example.com"
    token = issuer.token(resource=resource)
    settings = {**public_settings(issuer), "MCP_RESOURCE_URI": resource}
    server = http(headers=bearer(token), **settings)
    assert who(server, token) == "2"
    _, headers, _ = try_call(server, None)
    assert challenge(headers)["resource_metadata"] == resource + METADATA
    assert json.loads(server.exchange("GET", METADATA)[2])["resource"] == resource


def test_without_access_tokens_there_is_no_metadata(http: Any) -> None:
    assert http().exchange("GET", METADATA)[0] == 404


def test_the_scopes_can_be_set(public: Any) -> None:
    server = public(MCP_SCOPES="looker.read  looker.run")
    document = json.loads(server.exchange("GET", METADATA)[2])
    assert document["scopes_supported"] == ["looker.read", "looker.run"]


def test_health_needs_no_token(public: Any) -> None:
    server = public()
    assert server.exchange("GET", "/healthz")[0] == 200
    assert server.exchange("GET", "/readyz")[0] == 200


def test_how_the_server_is_set_up(http: Any, public: Any, issuer: AuthServer) -> None:
    server = public(MCP_INTROSPECT_TOKEN="let-me-look")
    for headers in ({}, bearer("let-me-loot"), bearer("let-me-look2"), bearer(issuer.token())):
        status, answered, _ = server.exchange("GET", "/_introspect", headers=headers)
        assert status == 401 and "www-authenticate" in answered
    status, _, data = server.exchange("GET", "/_introspect", headers=bearer("let-me-look"))
    assert status == 200
    shown = json.loads(data)
    assert shown["mode"] == "public" and shown["callers_authenticated"] is True
    assert shown["issuer"] == issuer.issuer and shown["resource"] == RESOURCE
    assert shown["algorithms"] == ["RS256", "ES256"] and shown["tools"] > 100
    assert CLIENT_ID not in data.decode() and CLIENT_SECRET not in data.decode()
    assert try_call(server, "let-me-look")[0] == 401, "it is good for nothing else"
    status, _, data = http().exchange("GET", "/_introspect")
    assert status == 200 and json.loads(data)["mode"] == "dev"
    assert json.loads(data)["callers_authenticated"] is False


# ---- keys that change, and an issuer that is down ----


def test_keys_rotate_while_serving(public: Any, issuer: AuthServer) -> None:
    tokens = [issuer.token("ada")]
    server = public(tokens[0])
    failed: list[Any] = []
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            for token in list(tokens):
                status, _, body = try_call(server, token)
                if status != 200:
                    failed.append((status, body))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    issuer.control("rotate")
    tokens += [issuer.token("ada"), issuer.token("ada-es")]
    time.sleep(0.7)
    for _ in range(5):
        assert try_call(server, issuer.sign(header={"kid": "made-up"}))[0] == 401
    done.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert issuer.fetched() == 2, "at the start, and once for the new key"


def test_an_issuer_that_goes_down_after_the_start(public: Any, issuer: AuthServer) -> None:
    server = public(issuer.token())
    issuer.control("jwks", fail=True)
    assert who(server, issuer.token("ada")) == "2"
    assert who(server, issuer.token("ada-es")) == "2"
    unknown = try_call(server, issuer.sign(header={"kid": "made-up"}))[0]
    assert unknown == 503, "it may be a new key, which cannot be had now"
    assert who(server, issuer.token("grace")) == "3"


def test_an_issuer_that_is_down_from_the_start(
    http: Any, public: Any, issuer: AuthServer, looker: Sandbox
) -> None:
    issuer.control("jwks", fail=True)
    token = issuer.token()
    with pytest.raises(AssertionError):  # the handshake of the test's own client
        public(token)
    server = http(headers=bearer(token), revision=MODERN, **public_settings(issuer))
    status, headers, body = try_call(server, token)
    assert status == 503 and headers["retry-after"]
    assert "authorization server" in body["error"]["message"]
    assert looker.requests() == []
    wait_for("the log", lambda: logged(server, "auth.jwks_failed"))
    assert server.exchange("GET", "/readyz")[0] == 503, "nobody could be let in"
    (line,) = wait_for("its line", lambda: logged(server, "http.not_ready"))
    assert "keys of the issuer" in line["error"]
    issuer.control("jwks", fail=False)
    # Whoever only asks whether it is ready makes it try again: a gateway may not send anybody before.
    wait_for("the keys", lambda: server.exchange("GET", "/readyz")[0] == 200 or None, 20)
    assert try_call(server, token)[0] == 200


def test_the_authority_of_the_issuer_is_checked(
    http: Any, issuer: AuthServer, looker: Sandbox
) -> None:
    settings = public_settings(issuer)
    del settings["CA_FILE"]
    server = http(headers=bearer(issuer.token()), revision=MODERN, **settings)
    assert try_call(server, issuer.token())[0] == 503
    assert issuer.fetched() == 0 and looker.requests() == []


def test_callers_wait_for_the_first_keys_together(http: Any, issuer: AuthServer) -> None:
    issuer.control("jwks", delay=400)
    server = http(revision=MODERN, **public_settings(issuer))
    token = issuer.token()
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: seen.append(who(server, token))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["2"] * 20 and issuer.fetched() == 1


def test_clients_that_go_away_while_they_are_verified(
    http: Any, issuer: AuthServer, looker: Sandbox
) -> None:
    issuer.control("jwks", delay=500)
    server = http(revision=MODERN, **public_settings(issuer))
    token = issuer.token()
    body = json.dumps(server.envelope("tools/call", {"name": "whoami", "arguments": {}}, 1)).encode()
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
            raw.sendall(
                b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + f"Authorization: Bearer {token}\r\n".encode()
                + f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
    issuer.control("jwks", delay=0)
    assert who(server, token) == "2"


def test_stopping_while_a_caller_is_verified(http: Any, issuer: AuthServer) -> None:
    issuer.control("jwks", delay=60000)
    server = http(revision=MODERN, **public_settings(issuer))
    with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
        raw.sendall(
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {issuer.token()}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        )
        time.sleep(0.3)
        server.close(20)
    issuer.control("jwks", delay=0)


# ---- as whom ----


def test_identity_headers_of_a_verified_caller_mean_nothing(
    public: Any, issuer: AuthServer, looker: Sandbox
) -> None:
    token = issuer.token("ada")
    server = public(token)
    for headers in (
        {"X-User-Email": "grace@example.com"},
        {"X-User-Token": looker.token_of("3")},
        {"X-User-Email": ""},
    ):
        assert who(server, token, **headers) == "2"
    users = {r["path"].rsplit("/", 1)[1] for r in looker.requests("login_user")}
    assert users == {"2", "3"}, "3 only for the token that this test made"
    assert {r["user"] for r in looker.requests("me")} == {"2"}


def test_nobody_logs_in_as_whom_a_header_names(
    public: Any, issuer: AuthServer, looker: Sandbox
) -> None:
    token = issuer.token("ada")
    assert who(public(token), token, **{"X-User-Email": "grace@example.com"}) == "2"
    assert [r["path"].rsplit("/", 1)[1] for r in looker.requests("login_user")] == ["2"]
    assert "grace" not in json.dumps(looker.requests())


def test_each_call_of_a_batch_is_the_caller_s(
    public: Any, issuer: AuthServer, looker: Sandbox
) -> None:
    token = issuer.token("ada")
    server = public(token, revision="2025-03-26")
    query = {"model": "thelook", "view": "orders", "fields": ["orders.status"], "limit": 1}
    calls = [
        server.envelope("tools/call", {"name": "whoami", "arguments": {}}, 1),
        server.envelope(
            "tools/call", {"name": "query", "arguments": {**query, "act_as_user": "3"}}, 2
        ),
    ]
    headers = {"X-User-Email": "grace@example.com", "MCP-Protocol-Version": "2025-03-26"}
    status, _, data = server.post(json.dumps(calls).encode(), headers)
    first, second = sorted(json.loads(data), key=lambda answer: answer["id"])
    assert status == 200
    assert json.loads(first["result"]["content"][0]["text"])["id"] == "2"
    assert second["result"]["isError"] and "scope" in second["result"]["content"][0]["text"]
    assert {r["user"] for r in looker.requests("me")} == {"2"}
    assert looker.requests("create_query_task") == []


def test_headers_count_where_they_are_trusted(public: Any, issuer: AuthServer) -> None:
    token = issuer.token("ada")
    server = public(token, TRUST_IDENTITY_HEADERS="true")
    assert who(server, token, **{"X-User-Email": "grace@example.com"}) == "3"
    assert who(server, token) == "2"


def test_callers_are_kept_apart(public: Any, issuer: AuthServer) -> None:
    tokens = {issuer.token("ada"): "2", issuer.token("grace"): "3", issuer.token("alan-es"): "4"}
    server = public()
    wrong: list[Any] = []

    def work(token: str, id_: str) -> None:
        for _ in range(10):
            seen = who(server, token)
            if seen != id_:
                wrong.append((id_, seen))

    threads = [threading.Thread(target=work, args=item) for item in tokens.items() for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_token_without_the_claim(public: Any, issuer: AuthServer, looker: Sandbox) -> None:
    token = issuer.sign(issuer.claims(email=None))
    server = public(token)
    status, _, body = try_call(server, token)
    assert status == 200 and body["result"]["isError"]
    assert "claim" in body["result"]["content"][0]["text"]
    assert looker.requests("me") == []


def test_another_claim(public: Any, issuer: AuthServer) -> None:
    token = issuer.sign(issuer.claims(email="ada@example.com", upn="grace@example.com"))
    assert who(public(token, MCP_USER_CLAIM="upn"), token) == "3"


@pytest.mark.parametrize("revision", [LEGACY, MODERN])
def test_act_as_user_needs_the_scope(
    public: Any, issuer: AuthServer, looker: Sandbox, revision: str
) -> None:
    token = issuer.token("ada", scope="email")
    server = public(token, revision=revision)
    arguments = {"model": "thelook", "view": "orders", "fields": ["orders.status"], "limit": 1}
    acting = {**arguments, "act_as_user": "grace@example.com"}
    status, headers, body = try_call(server, token, "query", acting)
    assert status == 403 and body["result"]["isError"] is True
    given = challenge(headers)
    assert given["error"] == "insufficient_scope"
    assert given["scope"] == "email looker:act_as" and given["resource_metadata"] == METADATA_URL
    assert looker.requests("login_user") == [] and looker.requests("create_query_task") == []
    allowed = issuer.token("ada", scope="looker:act_as")
    status, _, body = try_call(server, allowed, "query", acting)
    assert status == 200 and not body["result"]["isError"]
    assert looker.requests("create_query_task")[0]["user"] == "3"
    (audit,) = wait_for("the audit line", lambda: logged(server, "looker.audit.act_as_user"))
    assert audit["target_user_id"] == "3" and audit["caller"] == "ada@example.com"


def test_a_call_from_the_shell_needs_no_token(
    issuer: AuthServer, looker: Sandbox, tmp_path: Path
) -> None:
    """Whoever has the settings at hand has the API key as well."""
    settings = settings_for(looker, TRANSPORT="streamable-http", **public_settings(issuer))
    ended = run(["call", "whoami"], tmp_path, settings)
    assert ended.returncode == 0 and json.loads(ended.stdout)["id"] == "1", ended.stderr


# ---- a client that finds its own way in ----


@pytest.mark.skipif(
    not (ROOT / "tests" / "clients" / "node_modules").is_dir(),
    reason="needs the packages of tests/clients; tools/test.sh installs them",
)
def test_the_sdk_gets_a_token_by_itself(
    http: Any, issuer: AuthServer, looker: Sandbox, tmp_path: Path
) -> None:
    gateway = issuer.control("gateway")["port"]
    resource = f"https://127.0.0.1:{gateway}/mcp"
    settings = {**public_settings(issuer), "MCP_RESOURCE_URI": resource}
    server = http(revision=MODERN, **settings)
    issuer.control("gateway", port=gateway, target=server.url)
    ended = subprocess.run(
        ["node", str(ROOT / "tests" / "clients" / "check_oauth.mjs"), resource, "grace"],
        env={**environment(tmp_path), "NODE_EXTRA_CA_CERTS": str(issuer.cert)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    found = json.loads(ended.stdout)
    assert found["me"]["id"] == "3", "runs as the user who has logged in"
    assert found["resource"] == resource and found["scope"] == "openid email"
    assert {r["user"] for r in looker.requests("me")} == {"3"}


# ---- Looker as the authorization server ----


@pytest.fixture
def secure_looker(certificate: tuple[Path, Path], tmp_path: Path) -> Iterator[Sandbox]:
    cert, key = certificate
    sandbox = Sandbox(tmp_path, "--tls-cert", str(cert), "--tls-key", str(key))
    yield sandbox
    sandbox.process.assert_clean_end(sandbox.process.terminate())


@pytest.fixture
def looker_oauth(
    http: Any, secure_looker: Sandbox, certificate: tuple[Path, Path]
) -> Callable[..., Any]:
    def start(token: str | None = None, **more: str) -> Any:
        settings = {
            "MCP_MODE": "looker_oauth",
            "MCP_RESOURCE_URI": RESOURCE,
            "CA_FILE": str(certificate[0]),
            "CLIENT_ID": "",
            "CLIENT_SECRET": "",
            **more,
        }
        headers = bearer(token or secure_looker.token_of("2"))
        return http(upstream=secure_looker, headers=headers, **settings)

    return start


def test_a_token_of_looker_s_own(looker_oauth: Any, secure_looker: Sandbox) -> None:
    ada, grace = secure_looker.token_of("2"), secure_looker.token_of("3")
    before = len(secure_looker.requests("login")) + len(secure_looker.requests("login_user"))
    server = looker_oauth(ada)
    assert who(server, ada) == "2" and who(server, grace) == "3" and who(server, ada) == "2"
    assert len(secure_looker.requests("me")) == 5, "asked once a token, and three calls"
    assert who(server, ada, **{"X-User-Email": "alan@example.com"}) == "2"
    assert who(server, ada, **{"X-User-Token": grace}) == "2"
    after = len(secure_looker.requests("login")) + len(secure_looker.requests("login_user"))
    assert after == before, "this server has no credentials of its own"
    server.close()
    assert secure_looker.requests("logout") == [], "the tokens are not ours to end"
    log = server.process.stderr.decode()
    assert ada not in log and grace not in log


def test_a_token_that_looker_does_not_know(looker_oauth: Any, secure_looker: Sandbox) -> None:
    server = looker_oauth()
    asked = len(secure_looker.requests("me"))
    status, headers, _ = try_call(server, "made-up")
    assert status == 401
    given = challenge(headers)
    assert given["error"] == "invalid_token" and given["scope"] == "cors_api"
    assert given["resource_metadata"] == METADATA_URL
    assert len(secure_looker.requests("me")) == asked + 1
    for odd in ("two words", "x" * 5000, "a\"b"):
        assert try_call(server, odd)[0] == 401
    assert len(secure_looker.requests("me")) == asked + 1, "not worth a question"
    assert try_call(server, None)[0] == 401


@pytest.mark.parametrize(
    "rule",
    [{"status": 403}, {"status": 404}, {"status": 500}, {"cut_after_bytes": 0}]
    + [{"status": 200, "body": {}}, {"corrupt": "html"}, {"status": 302}],
)
def test_when_looker_does_not_say_who_it_is(
    looker_oauth: Any, secure_looker: Sandbox, rule: dict[str, Any]
) -> None:
    server = looker_oauth()
    token = secure_looker.token_of("3")
    secure_looker.rules({"operation": "me", **rule})
    status, headers, _ = try_call(server, token)
    assert status == 401 and challenge(headers)["error"] == "invalid_token"
    wait_for("the log", lambda: logged(server, "auth.introspection_failed"))
    secure_looker.obey()
    assert who(server, token) == "3", "a no is not remembered"


def test_a_token_that_ends_while_it_is_remembered(
    looker_oauth: Any, secure_looker: Sandbox
) -> None:
    token = secure_looker.token_of("2")
    server = looker_oauth(token)
    assert who(server, token) == "2"
    secure_looker.expire_tokens()
    for _ in range(2):
        status, headers, _ = try_call(server, token)
        assert status == 401 and challenge(headers)["error"] == "invalid_token"


def test_nobody_acts_as_somebody_else(looker_oauth: Any, secure_looker: Sandbox) -> None:
    token = secure_looker.token_of("2")
    server = looker_oauth(token, CLIENT_ID=CLIENT_ID, CLIENT_SECRET=CLIENT_SECRET)
    before = len(secure_looker.requests("login_user"))
    arguments = {"model": "thelook", "view": "orders", "fields": ["orders.status"], "limit": 1}
    for user in ("3", "grace@example.com"):
        status, _, body = try_call(server, token, "query", {**arguments, "act_as_user": user})
        assert status == 200 and body["result"]["isError"] is True
        assert "looker_oauth" in body["result"]["content"][0]["text"]
    assert len(secure_looker.requests("login_user")) == before


def test_looker_is_what_the_metadata_names(looker_oauth: Any, secure_looker: Sandbox) -> None:
    document = json.loads(looker_oauth().exchange("GET", METADATA + "/mcp")[2])
    assert document["authorization_servers"] == [secure_looker.url]
    assert document["scopes_supported"] == ["cors_api"] and document["resource"] == RESOURCE


# ---- settings that do not go together ----

PUBLIC = {
    "LOOKER_BASE_URL": "https://looker.example.com",
    "LOOKER_TRANSPORT": "streamable-http",
    "LOOKER_MCP_MODE": "public",
    "LOOKER_MCP_ISSUER_URL": "https://issuer.example.com",
    "LOOKER_MCP_JWKS_URI": "https://issuer.example.com/jwks?p=1",
    "LOOKER_MCP_RESOURCE_URI": RESOURCE,
}
OAUTH = {**PUBLIC, "LOOKER_MCP_MODE": "looker_oauth"}


@pytest.mark.parametrize(
    ("base", "setting", "value", "says"),
    [
        (PUBLIC, "LOOKER_MCP_ISSUER_URL", "", "is not set"),
        (PUBLIC, "LOOKER_MCP_JWKS_URI", "", "is not set"),
        (PUBLIC, "LOOKER_MCP_RESOURCE_URI", "", "is not set"),
        (PUBLIC, "LOOKER_MCP_ISSUER_URL", "http://issuer.example.com", "https://"),
        (PUBLIC, "LOOKER_MCP_JWKS_URI", "http://issuer.example.com/jwks", "https://"),
        (PUBLIC, "LOOKER_MCP_JWKS_URI", "http://127.0.0.1:1/jwks", "https://"),
        (PUBLIC, "LOOKER_MCP_RESOURCE_URI", "http://mcp.example.com", "https://"),
        (PUBLIC, "LOOKER_MCP_ISSUER_URL", "issuer.example.com", "https://"),
        (PUBLIC, "LOOKER_MCP_JWKS_URI", "https://", "https://"),
        (PUBLIC, "LOOKER_MCP_RESOURCE_URI", "https://mcp example.com", "https://"),
        (PUBLIC, "LOOKER_MCP_RESOURCE_URI", RESOURCE + "#a", "fragment"),
        (PUBLIC, "LOOKER_MCP_ISSUER_URL", "https://user:pw@issuer.example.com", "https://"),
        (PUBLIC, "LOOKER_MCP_AUTH_TOKEN", "shared", "unset it"),
        (PUBLIC, "LOOKER_TRANSPORT", "stdio", "streamable-http"),
        (OAUTH, "LOOKER_TRANSPORT", "stdio", "streamable-http"),
        (OAUTH, "LOOKER_MCP_AUTH_TOKEN", "shared", "unset it"),
        (OAUTH, "LOOKER_MCP_RESOURCE_URI", "", "is not set"),
        (OAUTH, "LOOKER_MCP_RESOURCE_URI", "http://mcp.example.com", "https://"),
        (OAUTH, "LOOKER_BASE_URL", "http://looker.example.com", "https://"),
        (OAUTH, "LOOKER_BASE_URL", "http://127.0.0.1:19999", "https://"),
    ],
)
@pytest.mark.parametrize("command", [[], ["--check"]])
def test_what_is_not_safe_does_not_start(
    tmp_path: Path, base: dict[str, str], setting: str, value: str, says: str, command: list[str]
) -> None:
    ended = run(command, tmp_path, {**base, setting: value})
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    named = "LOOKER_MCP_MODE" if setting == "LOOKER_TRANSPORT" else setting
    assert "DeploymentPostureError: " in line and named in line and says in line
    assert "pw@" not in line and "shared\"" not in line and ended.stdout == ""
