"""Access tokens for the benchmark: an issuer with one RSA and one P-256 key, its JWK Set over HTTPS on
loopback, and tokens signed by the openssl program, as many different ones as are asked for."""

from __future__ import annotations

import base64
import http.server
import json
import re
import ssl
import subprocess
import threading
import time
from pathlib import Path

RESOURCE = "https://looker-mcp.example.com/mcp"
ALGORITHMS = ("RS256", "ES256")


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments: str, data: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], input=data, check=True, capture_output=True).stdout


class Issuer:
    def __init__(self, folder: Path) -> None:
        self.cert = folder / "issuer.pem"
        self.keys = {alg: folder / f"{alg}.pem" for alg in ALGORITHMS}
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(self.keys["RS256"]))
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(self.keys["ES256"]))
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "issuer.key"), "-out", str(self.cert),
        )
        jwks = json.dumps({"keys": [self.rsa_jwk(), self.ec_jwk()]}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(jwks)))
                self.end_headers()
                self.wfile.write(jwks)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, folder / "issuer.key")
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.address = f"https://127.0.0.1:{self.http.server_address[1]}"

    def settings(self) -> dict[str, str]:
        return {
            "LOOKER_MCP_MODE": "public",
            "LOOKER_MCP_ISSUER_URL": self.address,
            "LOOKER_MCP_JWKS_URI": f"{self.address}/jwks",
            "LOOKER_MCP_RESOURCE_URI": RESOURCE,
            "LOOKER_CA_FILE": str(self.cert),
        }

    def rsa_jwk(self) -> dict[str, str]:
        text = openssl("rsa", "-in", str(self.keys["RS256"]), "-noout", "-modulus").decode()
        modulus = bytes.fromhex(text.strip().partition("=")[2])
        return {"kty": "RSA", "kid": "RS256", "use": "sig", "alg": "RS256", "n": encode(modulus), "e": "AQAB"}

    def ec_jwk(self) -> dict[str, str]:
        point = openssl("ec", "-in", str(self.keys["ES256"]), "-pubout", "-outform", "DER")[-64:]
        return {
            "kty": "EC", "crv": "P-256", "kid": "ES256", "use": "sig", "alg": "ES256",
            "x": encode(point[:32]), "y": encode(point[32:]),
        }

    def token(self, alg: str, number: int) -> str:
        now = int(time.time())
        claims = {
            "iss": self.address, "aud": RESOURCE, "sub": "ada", "email": "ada@example.com",
            "iat": now, "exp": now + 3600, "jti": str(number),
        }
        head = {"alg": alg, "typ": "at+jwt", "kid": alg}
        signed = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
        signature = openssl("dgst", "-sha256", "-sign", str(self.keys[alg]), data=signed.encode())
        return f"{signed}.{encode(raw(signature) if alg == 'ES256' else signature)}"


def raw(der: bytes) -> bytes:
    """r and s of an ECDSA signature, 32 bytes each (RFC 7518 section 3.4)."""
    text = openssl("asn1parse", "-inform", "DER", data=der).decode()
    return b"".join(int(n, 16).to_bytes(32, "big") for n in re.findall(r"INTEGER\s*:([0-9A-F]+)", text))
