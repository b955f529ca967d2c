"""HTTPS: which versions and protocols, another certificate while serving, and clients that stop in
the middle of a handshake."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from harness.authserver import make_certificate
from harness.mcp import settings_for
from harness.process import PATIENCE_S, SERVER, environment, run, wait_for
from harness.sandbox import Sandbox

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    """Two, each its own authority."""
    return [make_certificate(tmp_path_factory.mktemp(name)) for name in ("first", "second")]


@pytest.fixture
def files(certificates: list[tuple[Path, Path]], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the first, to be overwritten."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    put(certificates[0], (cert, key))
    return cert, key


def put(source: tuple[Path, Path], target: tuple[Path, Path]) -> None:
    for a, b in zip(source, target):
        b.write_bytes(a.read_bytes())


@pytest.fixture
def https(http: Any, files: tuple[Path, Path]) -> Callable[..., Any]:
    def start(**more: str) -> Any:
        return http(TLS_CERT_FILE=str(files[0]), TLS_KEY_FILE=str(files[1]), **more)

    return start


def open_tls(server: Any, trusted: Path, **more: Any) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(trusted))
    for name, value in more.items():
        if name == "alpn":
            context.set_alpn_protocols(value)
        else:
            setattr(context, name, value)
    raw = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
    try:
        return context.wrap_socket(raw, server_hostname="127.0.0.1")
    except OSError:
        raw.close()
        raise


def ping(connection: ssl.SSLSocket) -> bytes:
    head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(PING)}\r\n\r\n".encode() + PING)
    seen = b""
    while b'"result":{}}' not in seen:
        chunk = connection.recv(65536)
        assert chunk, seen
        seen += chunk
    return seen


def log_of(server: Any, event: str) -> list[dict[str, Any]]:
    return [entry for entry in server.process.log() if entry["event"] == event]


def test_calls_over_https(https: Any, looker: Sandbox) -> None:
    server = https()
    assert server.answer("whoami")["id"]
    rows = server.answer("query", {"model": "thelook", "view": "orders", "fields": ["orders.id"]})
    assert rows["items"]
    assert log_of(server, "http.listening")[0]["tls"] is True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions(https: Any, files: tuple[Path, Path]) -> None:
    server = https()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with open_tls(server, files[0], maximum_version=version, minimum_version=version) as c:
            assert c.version() == version.name.replace("_", ".")
            ping(c)
    with pytest.raises(ssl.SSLError):
        open_tls(
            server,
            files[0],
            minimum_version=ssl.TLSVersion.TLSv1,
            maximum_version=ssl.TLSVersion.TLSv1_1,
        )


def test_protocols(https: Any, files: tuple[Path, Path]) -> None:
    server = https()
    with open_tls(server, files[0], alpn=["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
        ping(connection)
    with pytest.raises(ssl.SSLError):
        open_tls(server, files[0], alpn=["h2"]).recv(1)


def test_another_certificate_while_serving(
    https: Any, files: tuple[Path, Path], certificates: list[tuple[Path, Path]]
) -> None:
    server = https(THREADS="3")
    (first, _), (second, _) = certificates
    old = [open_tls(server, first) for _ in range(3)]
    for connection in old:
        ping(connection)
    put(certificates[1], files)
    server.process.popen.send_signal(signal.SIGHUP)
    wait_for("the new certificate", lambda: log_of(server, "tls.reloaded") or None)
    for _ in range(6):
        with open_tls(server, second) as connection:
            ping(connection)
    with pytest.raises(ssl.SSLError):
        open_tls(server, first)
    for connection in old:
        ping(connection)
        connection.close()


@pytest.mark.parametrize("broken", ["nothing", "no PEM", "another's key", "no file"])
def test_a_bad_new_certificate_changes_nothing(
    https: Any, files: tuple[Path, Path], certificates: list[tuple[Path, Path]], broken: str
) -> None:
    server = https()
    if broken == "another's key":
        files[1].write_bytes(certificates[1][1].read_bytes())
    elif broken == "no file":
        files[1].unlink()
    else:
        files[0].write_text("" if broken == "nothing" else "-----BEGIN CERTIFICATE-----\nxx\n")
    server.process.popen.send_signal(signal.SIGHUP)
    failed = wait_for("the refusal", lambda: log_of(server, "tls.reload_failed") or None)
    name = "LOOKER_TLS_KEY_FILE" if broken in ("another's key", "no file") else "LOOKER_TLS_CERT_FILE"
    assert failed[0]["error"].startswith(f"{name}=")
    with open_tls(server, certificates[0][0]) as connection:
        ping(connection)


def test_a_reload_without_a_certificate_ends_nothing(http: Any) -> None:
    """A service manager sends the same signal whether this server or a gateway speaks TLS."""
    server = http()
    server.process.popen.send_signal(signal.SIGHUP)
    (told,) = wait_for("the line", lambda: log_of(server, "reload.nothing") or None)
    assert "LOOKER_TLS_CERT_FILE" in told["why"] and "restart" in told["why"]
    assert server.answer("whoami")["id"]


def test_a_server_in_a_terminal_ends_with_it(looker: Sandbox, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    command = [str(SERVER), "--transport", "streamable-http", "--port", "0"]
    env = environment(tmp_path, settings_for(looker))
    server = subprocess.Popen(command, cwd=tmp_path, env=env, stdin=theirs, stderr=subprocess.PIPE)
    try:
        assert server.stderr
        wait_for("the start", lambda: b"http.listening" in server.stderr.readline())
        server.send_signal(signal.SIGHUP)
        assert server.wait(PATIENCE_S) == 0
        assert b"server.stopping" in server.stderr.read()
    finally:
        server.kill()
        server.wait()
        server.stderr.close()
        os.close(ours)
        os.close(theirs)


def test_a_start_with_wrong_files(
    looker: Sandbox, files: tuple[Path, Path], certificates: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    def start(cert: Path, key: Path | None) -> str:
        more = {"TLS_CERT_FILE": str(cert), **({"TLS_KEY_FILE": str(key)} if key else {})}
        result = run(["--transport", "streamable-http", "--port", "0"], tmp_path, settings_for(looker, **more))
        assert result.returncode == 2, result.stderr
        return result.stderr.splitlines()[-1]

    assert "LOOKER_TLS_KEY_FILE is not: both or neither" in start(files[0], None)
    assert "does not belong to the certificate" in start(files[0], certificates[1][1])
    assert "PEM is expected" in start(files[1], files[1])
    assert "PEM is expected" in start(files[0], files[0])
    locked = tmp_path / "locked.pem"
    command = ["openssl", "ec", "-in", str(files[1]), "-aes128", "-passout", "pass:x", "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    assert "the key is encrypted" in start(files[0], locked)


def test_check_reads_the_certificate(
    looker: Sandbox, files: tuple[Path, Path], certificates: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    def check(cert: Path, key: Path) -> tuple[int, str]:
        more = {"TLS_CERT_FILE": str(cert), "TLS_KEY_FILE": str(key)}
        result = run(["--check"], tmp_path, settings_for(looker, **more))
        (line,) = [text for text in result.stdout.splitlines() if text.startswith("certificate")]
        return result.returncode, line

    status, line = check(*files)
    assert status == 0 and re.fullmatch(rf"certificate +ok +in {files[0]}, .*", line)
    status, line = check(files[0], certificates[1][1])
    assert status == 1 and "FAILED" in line and "does not belong to the certificate" in line
    assert "certificate" not in run(["--check"], tmp_path, settings_for(looker)).stdout.split("settings ")[1]


def test_handshakes_that_do_not_end(https: Any, files: tuple[Path, Path], looker: Sandbox) -> None:
    server = https(REQUEST_TIMEOUT="1", CORE_DUMPS="true")
    server.answer("whoami")
    idle = server.process.open_files()
    silent = [socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) for _ in range(20)]
    for n, raw in enumerate(silent):
        raw.sendall(b"\x16\x03\x01\x02\x00\x01"[: n % 7])
    assert server.answer("whoami"), "the others are served meanwhile"
    began = time.monotonic()
    for raw in silent:
        assert raw.recv(100) == b""
        raw.close()
    assert time.monotonic() - began < 10
    for text in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff" * 9):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as raw:
            raw.sendall(text)
            try:
                while raw.recv(1000):
                    pass
            except ConnectionResetError:
                pass
    server.connection().close()  # it has been idle for too long
    assert server.answer("whoami")
    # but what the second thread needs for its first call to Looker
    wait_for("all of them to be gone", lambda: server.process.open_files() <= idle + 4 or None)


def test_leaving_at_any_moment(https: Any, files: tuple[Path, Path], looker: Sandbox) -> None:
    """After each of the bytes that a client sends, in steps."""
    server = https(CORE_DUMPS="true")
    server.answer("whoami")
    idle = server.process.open_files()
    for cut in range(0, 1200, 60):
        leave_after(server.port, files[0], cut)
    assert server.answer("whoami")
    wait_for("all of them to be gone", lambda: server.process.open_files() <= idle + 1 or None)


def leave_after(port: int, trusted: Path, cut: int) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(trusted))
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    sent = 0
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as raw:
        while True:
            try:
                tls.do_handshake()
                tls.write(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n" * 9)
                done = True
            except ssl.SSLWantReadError:
                done = False
            data = outgoing.read()[: cut - sent]
            raw.sendall(data)
            sent += len(data)
            if done or sent >= cut:
                return
            incoming.write(raw.recv(65536))


def test_idle_connections_end_with_a_notice(https: Any, files: tuple[Path, Path]) -> None:
    server = https()
    with open_tls(server, files[0], suppress_ragged_eofs=False) as connection:
        ping(connection)
        server.process.popen.send_signal(signal.SIGTERM)
        assert connection.recv(100) == b"", "close_notify, or this is an error"
    server.process.assert_clean_end(server.process.wait())


def test_an_answer_that_is_large(https: Any, looker: Sandbox) -> None:
    server = https(MAX_RESULT_BYTES="4000000", GROUPS="all")
    message = server.envelope("tools/list", None, 1)
    status, _, data = server.exchange("POST", "/mcp", json.dumps(message).encode(), server.request_headers(message))
    assert status == 200 and len(json.loads(data)["result"]["tools"]) > 200
