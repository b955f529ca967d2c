"""import_spec.py: both forms of a document give the same facts, from a file or a URL; what it cannot
read it refuses in one line."""

from __future__ import annotations

import copy
import json
import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support import API, ROOT, compare, run

from looker_codegen import facts as facts_module  # noqa: E402
from looker_codegen.errors import InputError  # noqa: E402
from looker_codegen.vendor import Importer  # noqa: E402

OPENAPI = API / "widgets.oas.json"
SWAGGER = API / "widgets.swagger.json"
SUMMARY = "release 1.2.3, 16 operations, 8 schemas"


def import_to(output: Path, source: object) -> Any:
    return run("import_spec.py", str(source), "--output", output, "--overlay", API / "widgets.overlay.yaml")


# ---- facts ----


@pytest.mark.parametrize("document", [OPENAPI, SWAGGER], ids=["openapi", "swagger"])
def test_both_forms_give_the_same_facts(document: Path, tmp_path: Path) -> None:
    output = tmp_path / "facts.json"
    result = import_to(output, document)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{output}: {SUMMARY}\n"
    compare(API / "widgets.facts.json", output.read_text(encoding="utf-8"))


def test_facts_have_no_prose() -> None:
    text = (API / "widgets.facts.json").read_text()
    assert "prose" in OPENAPI.read_text().lower() and "prose" not in text.lower()
    for key in ("description", "summary", "externalDocs", "example"):
        assert f'"{key}"' not in text


def test_importing_again_touches_nothing(tmp_path: Path) -> None:
    output = tmp_path / "facts.json"
    import_to(output, OPENAPI)
    before = output.stat().st_mtime_ns
    result = import_to(output, SWAGGER)
    assert result.stdout == f"{output}: {SUMMARY}, unchanged\n"
    assert output.stat().st_mtime_ns == before


@pytest.mark.parametrize("path", [API / "widgets.facts.json", ROOT / "spec" / "looker-4.0.json"], ids=["small", "whole"])
def test_reading_facts_and_writing_them_changes_nothing(path: Path) -> None:
    assert facts_module.dump(facts_module.load(path, path.name)) == path.read_text(encoding="utf-8")


def test_the_committed_facts_are_the_whole_api() -> None:
    facts = facts_module.load(ROOT / "spec" / "looker-4.0.json", "spec/looker-4.0.json")
    assert (len(facts.operations), len(facts.schemas)) == (483, 364)
    assert sum(len(s.fields) for s in facts.schemas.values()) == 2962


def test_a_swagger_document_shows_what_the_overlay_lacks(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("read_only_references:\n  - Owner.boss\n  - Widget.parts\n")
    result = run("import_spec.py", SWAGGER, "--output", tmp_path / "facts.json", "--overlay", overlay)
    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        f"import_spec: note: {overlay}: add to read_only_references: Widget.owner, WidgetPage.first",
        f"import_spec: note: {overlay}: remove from read_only_references: Widget.parts",
    ]


# ---- addresses ----


class Answers(BaseHTTPRequestHandler):
    """A Looker that serves documents; `routes` maps a path to a status and a body or a redirect."""

    routes: dict[str, tuple[int, str]] = {}

    def do_GET(self) -> None:
        status, body = self.routes.get(self.path, (404, "{}"))
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", body)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Callable[[dict[str, tuple[int, str]]], str]]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=http.serve_forever, daemon=True).start()

    def serve(routes: dict[str, tuple[int, str]]) -> str:
        Answers.routes = routes
        return f"http://127.0.0.1:{http.server_address[1]}"

    yield serve
    http.shutdown()
    http.server_close()


def versions(*rows: tuple[str, str]) -> tuple[int, str]:
    return 200, json.dumps({"supported_versions": [{"version": v, "swagger_url": u} for v, u in rows]})


@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_host_alone_is_enough(server: Any, absolute: bool, slash: str, tmp_path: Path) -> None:
    base = server({})
    spec = "/api/4.0/swagger.json"
    server(
        {"/versions": versions(("3.1", "/old"), ("4.0", base + spec if absolute else spec)), spec: (200, SWAGGER.read_text())},
    )
    output = tmp_path / "facts.json"
    result = import_to(output, base + slash)
    assert (result.returncode, result.stderr) == (0, "")
    assert output.read_text() == (API / "widgets.facts.json").read_text()


def test_a_document_by_its_own_url_and_by_a_redirect(server: Any, tmp_path: Path) -> None:
    base = server({"/spec.json": (200, OPENAPI.read_text()), "/moved": (302, "/spec.json")})
    for path in ("/spec.json", "/moved"):
        output = tmp_path / path[1:]
        assert import_to(output, base + path).returncode == 0
        assert output.read_text() == (API / "widgets.facts.json").read_text()


@pytest.mark.parametrize(
    "routes, path, said",
    [
        ({}, "", "BASE/versions: answered HTTP 404; check the address, or save the document and give the file"),
        ({"/versions": (200, "<html>")}, "", "BASE/versions: is not JSON: Expecting value: line 1 column 1 (char 0); give Looker's OpenAPI 3.0 or Swagger 2.0 document as JSON"),
        ({"/versions": versions(("3.1", "/x"))}, "", "BASE/versions: supported_versions: names no document of API 4.0 (it has: 3.1); give the document's own URL or a file"),
        ({"/versions": versions(("4.0", "http://example.com/x"))}, "", "BASE/versions: http://example.com/x is neither https nor on this machine; give an https:// URL or a file"),
        ({"/x": (302, "http://example.com/x")}, "/x", "BASE/x: http://example.com/x is neither https nor on this machine; give an https:// URL or a file"),
        ({"/x": (302, "file:///etc/passwd")}, "/x", "BASE/x: answered HTTP 302; check the address, or save the document and give the file"),
        ({"/x": (200, "[1]")}, "/x", "BASE/x: is not a JSON object; give Looker's OpenAPI 3.0 or Swagger 2.0 document"),
    ],
)  # fmt: skip
def test_unusable_addresses(server: Any, routes: dict[str, Any], path: str, said: str, tmp_path: Path) -> None:
    base = server(routes)
    result = import_to(tmp_path / "facts.json", base + path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"import_spec: {said.replace('BASE', base)}\n"
    assert not (tmp_path / "facts.json").exists()


def test_nobody_listens(tmp_path: Path) -> None:
    http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    base = f"http://127.0.0.1:{http.server_address[1]}"
    http.server_close()
    result = import_to(tmp_path / "facts.json", base)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert result.stderr.startswith(f"import_spec: {base}/versions: could not be read: ")


@pytest.mark.parametrize("url", ["http://example.com", "ftp://example.com/x.json", "file:///etc/passwd", "https:///x"])
def test_unsafe_urls_are_not_fetched(url: str, tmp_path: Path) -> None:
    result = import_to(tmp_path / "facts.json", url)
    assert result.returncode == 2
    assert result.stderr == (
        f"import_spec: command line: {url} is neither https nor on this machine; give an https:// URL or a file\n"
    )


# ---- documents that are refused ----


def refusal(document: Any, tmp_path: Path) -> str:
    path = tmp_path / "document.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    result = import_to(tmp_path / "facts.json", path)
    assert (result.returncode, result.stdout) == (2, "")
    assert not (tmp_path / "facts.json").exists()
    (line,) = result.stderr.splitlines()
    prefix = f"import_spec: {path}: "
    assert line.startswith(prefix)
    return line.removeprefix(prefix)


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("{} {}", "is not JSON: Extra data: line 1 column 4 (char 3)"),
        ("[" * 100_000, "is not JSON: "),
        ("[]", "is not a JSON object"),
        ("{}", "has neither openapi nor swagger at its top"),
        ('{"openapi": "3.1.0"}', "is version '3.1.0'"),
        ('{"swagger": "1.2"}', "is version '1.2'"),
        ('{"swagger": "2.0"}', "paths: is missing or empty"),
        ('{"openapi": "3.0.3", "paths": []}', "paths: is missing or empty"),
    ],
)
def test_no_api_document(text: str, said: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path).startswith(said)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = import_to(tmp_path / "facts.json", tmp_path / "none.json")
    assert result.returncode == 2
    assert result.stderr == (
        f"import_spec: {tmp_path}/none.json: No such file or directory; give the path of a JSON file, or a URL\n"
    )


TEACH = "teach codegen/looker_codegen/vendor.py what it means"
MEND = "mend the document"
WIDGET = "components.schemas.Widget"
GET = "paths./widgets/{widget_id}.get"


def at(document: dict[str, Any], *keys: Any) -> Any:
    for key in keys:
        document = document[key]
    return document


def widget(document: dict[str, Any]) -> Any:
    return at(document, "components", "schemas", "Widget", "properties")


def operation(document: dict[str, Any]) -> Any:
    return at(document, "paths", "/widgets/{widget_id}", "get")


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda d: widget(d).update(x={"oneOf": []}), f"{WIDGET}.x.oneOf: is an unknown construct; {TEACH}"),
        (lambda d: widget(d).update(x={"type": "file"}), f"{WIDGET}.x.type: is 'file', an unknown type; {TEACH}"),
        (lambda d: widget(d).update(x={"type": "array"}), f"{WIDGET}.x: is an array without items; {MEND}"),
        (lambda d: widget(d).update(x={"type": "array", "items": {"type": "array", "items": {"type": "string"}}}), f"{WIDGET}.x: is a list of lists; {TEACH}"),
        (lambda d: widget(d).update(x={"$ref": "#/components/schemas/Gadget"}), f"{WIDGET}.x: #/components/schemas/Gadget is not a schema of the document; {MEND}"),
        (lambda d: widget(d).update(x={"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Part"}}), f"{WIDGET}.x.additionalProperties: is a map of Part; {TEACH}"),
        (lambda d: widget(d).update(x={"type": "string", "enum": [1]}), f"{WIDGET}.x.enum: has values that are not strings; {TEACH}"),
        (lambda d: at(d, "components", "schemas", "Widget").update(allOf=[]), f"{WIDGET}.allOf: is an unknown construct; {TEACH}"),
        (lambda d: at(d, "components", "schemas", "Widget")["required"].append("x"), f"{WIDGET}.required: names x, which is no property; {MEND}"),
        (lambda d: at(d, "components", "schemas", "Widget").update({"x-looker-status": "new"}), f"{WIDGET}: is 'new', not one of stable, beta, alpha, deprecated; {TEACH}"),
        (lambda d: operation(d).pop("operationId"), f"{GET}: has no operationId; {MEND}"),
        (lambda d: operation(d).update(operationId="login"), f"{GET}: operationId login is used twice; {MEND}"),
        (lambda d: operation(d).update(callbacks={}), f"{GET}.callbacks: is an unknown construct; {TEACH}"),
        (lambda d: operation(d).update({"x-looker-activity-type": "idle"}), f"{GET}.x-looker-activity-type: is 'idle', not one of none, non_query, db_query; {TEACH}"),
        (lambda d: operation(d)["parameters"][0].update({"in": "header"}), f"{GET}.parameters.widget_id.in: is 'header'; {TEACH}"),
        (lambda d: operation(d)["parameters"].append({"$ref": "#/components/parameters/x"}), f"{GET}.parameters: #/components/parameters/x is not in the document; {MEND}"),
        (lambda d: operation(d)["parameters"].append({"name": "q", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}}), f"{GET}.parameters.q: is a list that does not travel as comma-separated values; {TEACH}"),
        (lambda d: operation(d)["responses"].update(default={}), f"{GET}.responses.default: is not an HTTP status; {TEACH}"),
        (lambda d: operation(d)["responses"]["200"]["content"].update({"text/csv": {"schema": {"type": "string"}}}), f"{GET}.responses.200: has another type for each media type; {TEACH}"),
        (lambda d: operation(d).pop("responses"), f"{GET}.responses: is not an object; {MEND}"),
        (lambda d: at(d, "paths", "/widgets").update(trace={}), f"paths./widgets.trace: is an unknown construct; {TEACH}"),
    ],
)  # fmt: skip
def test_constructs_that_are_not_understood(change: Callable[[Any], object], said: str, tmp_path: Path) -> None:
    document = json.loads(OPENAPI.read_text())
    change(document)
    assert refusal(document, tmp_path) == said


def test_an_unknown_vendor_extension_is_noted(tmp_path: Path) -> None:
    document = json.loads(OPENAPI.read_text())
    operation(document)["x-looker-colour"] = "red"
    path = tmp_path / "document.json"
    path.write_text(json.dumps(document))
    result = import_to(tmp_path / "facts.json", path)
    assert result.returncode == 0
    assert result.stderr == f"import_spec: note: {path}: x-looker-colour is an unknown vendor extension; ignored\n"
    assert (tmp_path / "facts.json").read_text() == (API / "widgets.facts.json").read_text()


def test_shared_parameters_bodies_and_answers_are_followed() -> None:
    document = json.loads(OPENAPI.read_text())
    path = document["paths"]["/widgets/{widget_id}"]
    shared = path["get"]["parameters"].pop(0)
    path["parameters"] = [{"$ref": "#/components/parameters/id"}]
    for method in ("patch", "delete"):
        path[method].pop("parameters")
    document["components"]["parameters"] = {"id": shared}
    document["components"]["requestBodies"] = {"w": path["patch"]["requestBody"]}
    path["patch"]["requestBody"] = {"$ref": "#/components/requestBodies/w"}
    document["components"]["responses"] = {"n": path["get"]["responses"]["404"]}
    path["get"]["responses"]["404"] = {"$ref": "#/components/responses/n"}
    assert facts_module.dump(Importer(document, "d").run()) == (API / "widgets.facts.json").read_text()


def spots(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], (dict, list)):
            yield from spots(node[key])


@pytest.mark.parametrize("path", [OPENAPI, SWAGGER], ids=["openapi", "swagger"])
def test_damaged_documents_never_end_in_a_traceback(path: Path) -> None:
    whole = json.loads(path.read_text())
    chance = random.Random(4)
    refused = 0
    for _ in range(600):
        document = copy.deepcopy(whole)
        container, key = chance.choice(list(spots(document)))
        if chance.random() < 0.3:
            del container[key]
        else:
            container[key] = chance.choice([None, 1, "x", [], {}, [1], {"x": 1}, True, [[]], {"$ref": "#/x"}])
        try:
            facts_module.dump(Importer(document, "d").run())
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100
