"""looker-sandbox, started and steered through its control routes (tests/sandbox/README.md)."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from pathlib import Path
from typing import Any

from .process import PATIENCE_S, SANDBOX, Process, environment

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret-5f2c9e"


class Sandbox:
    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [str(SANDBOX), "--port", "0", "--client-id", CLIENT_ID]
        command += ["--client-secret", CLIENT_SECRET, *arguments]
        self.process = Process(command, folder, environment(folder), "looker-sandbox")
        self.url = self._ready()
        self.port = int(self.url.rsplit(":", 1)[1].rstrip("/"))

    def _ready(self) -> str:
        assert self.process.popen.stdout
        line = self.process.popen.stdout.readline().decode()
        match = re.search(r"https?://[^\s/\"]+", line)
        assert match, f"looker-sandbox said {line!r}; {self.process.stderr.decode()}"
        return match.group(0)

    def _connection(self) -> http.client.HTTPConnection:
        if not self.url.startswith("https"):
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        context = ssl._create_unverified_context()  # noqa: S323: our own test double
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_S, context=context
        )

    def control(self, method: str, path: str, body: Any = None) -> Any:
        connection = self._connection()
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            assert response.status < 300, f"{method} {path}: {response.status} {text[:500]!r}"
            return json.loads(text) if text else None
        finally:
            connection.close()

    def rules(self, *rules: dict[str, Any]) -> None:
        """Misbehave so, and in no other way, from now on."""
        self.obey()
        self.control("POST", "/_sandbox/rules", list(rules))

    def obey(self) -> None:
        """Misbehave no more; tokens and data stay as they are."""
        self.control("DELETE", "/_sandbox/rules")

    def expire_tokens(self) -> None:
        self.control("POST", "/_sandbox/expire_tokens")

    def reset(self) -> None:
        self.control("POST", "/_sandbox/reset")

    def requests(self, operation: str | None = None) -> list[dict[str, Any]]:
        recorded = self.control("GET", "/_sandbox/requests")
        listed = recorded["requests"] if isinstance(recorded, dict) else recorded
        return [r for r in listed if operation is None or r["operation"] == operation]

    def token_of(self, user_id: str) -> str:
        """A token of that user's, as a gateway may have got it."""
        form = f"client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}"
        admin = self._token("/api/4.0/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
        return self._token(f"/api/4.0/login/{user_id}", None, {"Authorization": f"token {admin}"})

    def _token(self, path: str, body: str | None, headers: dict[str, str]) -> str:
        connection = self._connection()
        try:
            connection.request("POST", path, body, headers)
            return str(json.loads(connection.getresponse().read())["access_token"])
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        return self.control("GET", "/_sandbox/state")
