"""tests/authserver/server.mjs, started and steered: a real authorization server (oidc-provider)."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any

from .process import PATIENCE_S, ROOT, Process, wait_for

FOLDER = ROOT / "tests" / "authserver"
RESOURCE = "https://looker-mcp.example.com/mcp"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for loopback, which is its own authority, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        + ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        + ["-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    return cert, key


class AuthServer:
    def __init__(self, folder: Path, cert: Path, key: Path) -> None:
        command = ["node", str(FOLDER / "server.mjs"), str(cert), str(key)]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_UPDATE_NOTIFIER": "1"}
        self.process = Process(command, folder, env, "the authorization server")
        self.cert = cert
        self.context = ssl.create_default_context(cafile=str(cert))
        pipe = self.process.popen.stdout
        assert pipe
        os.set_blocking(pipe.fileno(), False)
        self.issuer = str(wait_for("the authorization server", lambda: self._ready(pipe), 60))
        self.port = int(self.issuer.rsplit(":", 1)[1])

    def _ready(self, pipe: Any) -> str | None:
        assert self.process.alive(), self.process.stderr.decode()[-3000:]
        line = pipe.read()
        return json.loads(line)["issuer"] if line else None

    def post(self, path: str, body: str, headers: dict[str, str] | None = None) -> Any:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_S, context=self.context
        )
        try:
            connection.request("POST", path, body, headers or {})
            response = connection.getresponse()
            text = response.read()
            assert response.status == 200, f"{path}: {response.status} {text[:1000]!r}"
            return json.loads(text)
        finally:
            connection.close()

    def control(self, what: str, **body: Any) -> Any:
        return self.post(f"/_test/{what}", json.dumps(body))

    def token(self, client: str = "ada", resource: str = RESOURCE, scope: str = "") -> str:
        """One that the server issues to whoever asks for it as clients do."""
        form = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        basic = base64.b64encode(f"{client}:secret".encode()).decode()
        headers = {
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return str(self.post("/token", urllib.parse.urlencode(form), headers)["access_token"])

    def claims(self, **changed: Any) -> dict[str, Any]:
        """What a good token of Ada's claims; None takes a claim away."""
        now = int(time.time())
        good = {
            "iss": self.issuer,
            "aud": RESOURCE,
            "sub": "ada",
            "email": "ada@example.com",
            "iat": now,
            "exp": now + 600,
        }
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def sign(
        self,
        claims: dict[str, Any] | str | None = None,
        header: dict[str, Any] | str | None = None,
        alg: str = "RS256",
        key: str = "RS256",
        stranger: bool = False,
    ) -> str:
        """One that is made by hand: signed in the way `alg` with the server's current key of the
        kind `key`, or with nobody's."""
        if header is None or isinstance(header, dict):
            base = {"alg": alg, "typ": "at+jwt", "kid": self.control("kids")[key]}
            header = json.dumps({**base, **(header or {})})
        if claims is None or isinstance(claims, dict):
            claims = json.dumps(self.claims() if claims is None else claims)
        made = self.control(
            "sign", header=header, claims=claims, alg=alg, key=key, stranger=stranger
        )
        return str(made["token"])

    def fetched(self) -> int:
        """How often its keys have been fetched."""
        return int(self.control("jwks")["fetched"])

    def close(self) -> None:
        self.process.terminate()
        self.process.discard()
