"""The page at / for people, fetched as a program would, and looked at in a real browser."""

from __future__ import annotations

import html
import json
import socket
import subprocess
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from harness.manifest import GROUPS
from harness.process import ROOT
from harness.sandbox import Sandbox

BROWSER = ROOT / "tests" / "browser"


def get(server: Any, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, str]:
    address = urlsplit(server.url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


@pytest.fixture(scope="module")
def views(
    shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What Chromium finds in each view of a server with all groups."""
    from harness.mcp import HttpServer, settings_for

    folder = tmp_path_factory.mktemp("page")
    shared_sandbox.reset()
    server = HttpServer(folder, settings_for(shared_sandbox), "--groups", "all")
    try:
        server.handshake()
        result = subprocess.run(
            ["node", str(BROWSER / "look.mjs"), server.url.replace("/mcp", "/"), str(folder)],
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert result.returncode == 0, result.stderr[-4000:]
        server.close()
    finally:
        server.process.discard()
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert len(pictures) == 8 and all((folder / name).stat().st_size > 5000 for name in pictures)
    found: dict[str, dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("name", ["wide-light", "wide-dark", "narrow-light", "narrow-dark"])
def test_every_reader_can_read_it(views: dict[str, dict[str, Any]], name: str) -> None:
    view = views[name]
    assert view["status"] == 200
    assert view["complaints"] == []
    assert view["sticking_out"] == []
    assert view["pale"] == []
    assert view["broken_links"] == []


def test_dark_is_dark(views: dict[str, dict[str, Any]]) -> None:
    for width in ("wide", "narrow"):
        light, dark = (
            sum(int(n) for n in views[f"{width}-{scheme}"]["background"][4:-1].split(","))
            for scheme in ("light", "dark")
        )
        assert dark < 150 < 600 < light


def test_it_says_all_that_people_come_for(views: dict[str, dict[str, Any]]) -> None:
    text = views["wide-light"]["text"]
    assert "This server is up" in text
    assert "Looker answers, and takes the server's credentials" in text
    assert "claude mcp add --transport http looker http://127.0.0.1:" in text
    for names in GROUPS.values():
        for name in names:
            assert name in text


def test_only_what_is_served_is_shown(http: Any) -> None:
    answer, text = get(http("--groups", "explore,git"), "/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'id="list_models"' in text and 'id="switch_git_branch"' in text
    assert 'id="query"' not in text and 'id="group-query"' not in text
    assert f"{len(GROUPS['explore']) + len(GROUPS['git'])} tools in 2 groups." in text


def test_looker_that_refuses_is_told(http: Any) -> None:
    server = http(CLIENT_SECRET="wrong-secret")
    _, text = get(server, "/")
    assert "Looker does not answer, or refuses the server (auth)" in text
    assert "wrong-secret" not in text


def test_callers_are_told_of_the_token_but_not_which(http: Any) -> None:
    server = http(headers={"Authorization": "Bearer s3cret-word"}, MCP_AUTH_TOKEN="s3cret-word")
    _, text = get(server, "/")
    assert "Bearer TOKEN" in text and "s3cret-word" not in text


def test_nothing_runs_and_nothing_is_loaded_from_elsewhere(http: Any) -> None:
    server = http()
    for path in ("/", "/page.css"):
        answer, text = get(server, path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in text and "http://" not in text.replace("http://127.0.0.1", "")


@pytest.mark.parametrize("host", ["looker.example", "localhost:8443", "[::1]:80"])
def test_the_address_is_the_one_that_the_reader_uses(http: Any, host: str) -> None:
    server = http(ALLOWED_HOSTS="looker.example,localhost,[::1],127.0.0.1")
    _, text = get(server, "/", Host=host)
    assert f"claude mcp add --transport http looker http://{host}/mcp<" in text


def test_a_request_that_names_no_host(http: Any) -> None:
    server = http(HOST="0.0.0.0")
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        text = connection.makefile("rb").read().decode()
    assert f"looker http://127.0.0.1:{server.port}/mcp<" in text


@pytest.mark.parametrize("url", ["https://mcp.example.com", "https://mcp.example.com/"])
def test_behind_a_gateway_it_names_the_public_address(http: Any, url: str) -> None:
    _, text = get(http(PUBLIC_URL=url), "/")
    assert "claude mcp add --transport http looker https://mcp.example.com/mcp<" in text
    assert "127.0.0.1" not in text


@pytest.mark.parametrize("host", ["localhost:1/<b>", 'localhost:1"><b>', "localhost:$(id)"])
def test_a_strange_host_does_not_get_into_the_page(http: Any, host: str) -> None:
    server = http(ALLOWED_HOSTS="localhost,127.0.0.1")
    answer, text = get(server, "/", Host=host)
    assert "<b>" not in text and "$(id)" not in html.unescape(text)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_it_is_read_only(http: Any, method: str) -> None:
    answer, _ = get(http(), "/", method)
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"


def test_head_has_no_body(http: Any) -> None:
    answer, text = get(http(), "/", "HEAD")
    assert answer.status == 200 and text == "" and int(answer.headers["content-length"]) > 1000


def test_another_site_does_not_get_it(http: Any) -> None:
    server = http()
    assert get(server, "/", Host="evil.example")[0].status == 403
    assert get(server, "/", Origin="https://evil.example")[0].status == 403


def test_it_can_be_switched_off(http: Any) -> None:
    server = http(PAGE="false")
    assert get(server, "/")[0].status == 404
    assert get(server, "/page.css")[0].status == 404
