"""Gets a vendor document from a file or a URL. Plain http only to this machine: what comes back
decides which requests the product may send.

    FILE                 that file
    https://HOST[:PORT]  a Looker: its /versions names the document of API 4.0
    https://…/x.json     that document, or a /versions answer
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from .errors import InputError

API_VERSION = "4.0"
TIMEOUT_S = 60
MAX_BYTES = 64 * 1024 * 1024
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _check_url(url: str, named_by: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return
    if parts.scheme != "https" or not parts.hostname:
        raise InputError(
            named_by, "", f"{url} is neither https nor on this machine", "give an https:// URL or a file"
        )


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        _check_url(newurl, req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _get(url: str) -> bytes:
    opener = urllib.request.build_opener(_SafeRedirects())
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        raise InputError(
            url, "", f"answered HTTP {error.code}", "check the address, or save the document and give the file"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            url, "", f"could not be read: {reason}", "check host, port and network, or give a file"
        ) from error
    if len(content) > MAX_BYTES:
        raise InputError(url, "", f"is larger than {MAX_BYTES} bytes", "give the API document itself")
    return content


def _parse(content: bytes, source: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(
            source, "", f"is not JSON: {error}", "give Looker's OpenAPI 3.0 or Swagger 2.0 document as JSON"
        ) from error
    if not isinstance(document, dict):
        raise InputError(
            source, "", "is not a JSON object", "give Looker's OpenAPI 3.0 or Swagger 2.0 document"
        )
    return document


def _document_url(versions: dict[str, Any], source: str) -> str:
    offered = [v for v in versions["supported_versions"] if isinstance(v, dict)]
    for version in offered:
        if version.get("version") == API_VERSION and version.get("swagger_url"):
            return urllib.parse.urljoin(source, str(version["swagger_url"]))
    names = ", ".join(str(v.get("version")) for v in offered) or "none"
    raise InputError(
        source,
        "supported_versions",
        f"names no document of API {API_VERSION} (it has: {names})",
        "give the document's own URL or a file",
    )


def read_document(source: str) -> tuple[dict[str, Any], str]:
    """The parsed document, and the name of the file or URL that it came from."""
    if "://" not in source:
        try:
            return _parse(Path(source).read_bytes(), source), source
        except OSError as error:
            raise InputError(
                source, "", error.strerror or "cannot be read", "give the path of a JSON file, or a URL"
            ) from error
    url = source
    _check_url(url, "command line")
    if urllib.parse.urlsplit(url).path in ("", "/"):
        url = urllib.parse.urljoin(url, "/versions")
    document = _parse(_get(url), url)
    if isinstance(document.get("supported_versions"), list):
        named_by, url = url, _document_url(document, url)
        _check_url(url, named_by)
        document = _parse(_get(url), url)
    return document, url
