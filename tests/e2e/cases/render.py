"""Pictures and documents of queries, Looks, dashboards and tiles."""

import base64
import struct
import zlib
from typing import Any
from urllib.parse import parse_qs

from harness.cases import Case, Got

SIZE = {"width": 320, "height": 200}
QUERY = {"model": "thelook", "view": "orders", "fields": ["orders.status", "orders.count"]}
FULL_QUERY = {
    **QUERY,
    "fields": ["orders.created_month", "orders.status", "orders.count", "share"],
    "vis_config": {"type": "looker_column", "stacking": "normal"},
    "filters": {"orders.status": 'shipped,"a,b"'},
    "filter_expression": '${orders.status} = "shipped"',
    "sorts": ["orders.count desc"],
    "limit": 12,
    "column_limit": 5,
    "pivots": ["orders.status"],
    "fill_fields": ["orders.created_month"],
    "total": True,
    "row_total": "right",
    "subtotals": ["orders.created_month"],
    "query_timezone": "Europe/Berlin",
    "dynamic_fields": '[{"table_calculation":"share","label":"Share","expression":"1"}]',
}


# ---- opening what came ----


def block(got: Got) -> dict[str, Any]:
    text, picture = got.result["content"]
    assert text["type"] == "text"
    return dict(picture)


def measure_png(data: bytes) -> tuple[int, int]:
    """Reads every chunk, with its sum, and every row."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0]
        chunks[kind] = body
        at += 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + (width + 7) // 8)
    return width, height


def is_png(got: Got) -> None:
    picture = block(got)
    assert (picture["type"], picture["mimeType"]) == ("image", "image/png")
    data = base64.b64decode(picture["data"], validate=True)
    assert measure_png(data) == (SIZE["width"], SIZE["height"])
    said = got.answer
    assert (said["status"], said["mime_type"], said["result_format"]) == ("success", "image/png", "png")
    assert (said["bytes"], said["width"], said["height"]) == (len(data), SIZE["width"], SIZE["height"])
    assert (said["runtime"], said["query_runtime"], said["render_runtime"]) == (2.5, 0.5, 2)
    assert said["render_task_id"] in got.requests[-1]["path"]


def is_jpg(got: Got) -> None:
    picture = block(got)
    assert (picture["type"], picture["mimeType"]) == ("image", "image/jpeg")
    data = base64.b64decode(picture["data"], validate=True)
    assert data[:3] == b"\xff\xd8\xff" and data[-2:] == b"\xff\xd9" and len(data) == got.answer["bytes"]
    frame = data.index(b"\xff\xc0")
    height, width = struct.unpack(">HH", data[frame + 5 : frame + 9])
    assert (width, height) == (SIZE["width"], SIZE["height"])


def is_pdf(got: Got) -> None:
    picture = block(got)
    assert picture["type"] == "resource"
    assert picture["resource"]["mimeType"] == "application/pdf"
    assert picture["resource"]["uri"] == f"looker://render_tasks/{got.answer['render_task_id']}/results.pdf"
    data = base64.b64decode(picture["resource"]["blob"], validate=True)
    assert data.startswith(b"%PDF-") and data.endswith(b"%%EOF\n") and len(data) == got.answer["bytes"]


# ---- what was asked of Looker ----


def looked_until_done(got: Got, create: str) -> None:
    assert got.operations == [create, "render_task", "render_task", "render_task", "render_task_results"]


def rendered_the_query(got: Got) -> None:
    is_png(got)
    body = got.body("create_query")
    assert (body["model"], body["view"], body["fields"]) == tuple(QUERY.values())
    assert body["limit"] == "500" and "vis_config" not in body
    after = got.requests[got.operations.index("create_query") + 1 :]
    looked_until_done(Got(got.result, got.answer, after), "create_query_render_task")
    assert got.sent("create_query_render_task")["workspace"] == "production"


def sent_the_whole_query(got: Got) -> None:
    is_jpg(got)
    body = got.body("create_query")
    for name, value in FULL_QUERY.items():
        assert str(body[name]) == str(value), name
    assert got.sent("create_query")["workspace"] == "dev"
    assert got.sent("create_query_render_task")["workspace"] == "dev"


def rendered_the_dashboard(got: Got) -> None:
    is_pdf(got)
    assert got.answer["dashboard_id"] == "1"
    looked_until_done(got, "create_dashboard_render_task")
    assert got.body("create_dashboard_render_task") == {}


def sent_the_whole_dashboard(got: Got) -> None:
    is_pdf(got)
    query = parse_qs(got.sent("create_dashboard_render_task")["query"])
    del query["fields"]
    assert {name: values[0] for name, values in query.items()} == {
        "width": "320",
        "height": "200",
        "pdf_paper_size": "a4",
        "pdf_landscape": "true",
        "long_tables": "true",
        "theme": "Dark & \"Blue\"",
    }
    body = got.body("create_dashboard_render_task")
    assert parse_qs(body.pop("dashboard_filters"), strict_parsing=True) == {"State": ['CA,"N&Y=é"']}
    assert body == {"dashboard_style": "single_column", "tab_ids": ["1", "2"]}


def failed_with_lookers_reason(got: Got) -> None:
    assert "could not render" in got.answer["error"]
    assert "BROKEN does not exist" in got.answer["detail"]
    assert len(got.result["content"]) == 1


def outlasted(got: Got) -> None:
    assert got.answer["status"] == "rendering"
    assert got.answer["looker_status"] in ("enqueued_for_query", "querying", "rendering")
    assert "get_render" in got.answer["how"] and got.answer["render_task_id"]
    assert len(got.result["content"]) == 1


def fetched_later(got: Got) -> None:
    assert got.before[0]["status"] == "rendering"
    assert got.answer["render_task_id"] == got.before[0]["render_task_id"]
    is_png(got)


def says(*words: str) -> Any:
    def check(got: Got) -> None:
        for word in words:
            assert word in got.answer["error"], got.answer

    return check


def was_judged_before(got: Got) -> None:
    says("orders.cuont", "orders.count")(got)
    assert "create_query" not in got.operations


LOOK = {"look_id": "1", **SIZE}
BEGUN = [("render_look", {**LOOK, "max_wait_seconds": 0})]

CASES = [
    Case("render_query", {**QUERY, **SIZE}, rendered_the_query),
    Case(
        "render_query",
        {**FULL_QUERY, **SIZE, "result_format": "jpg", "max_wait_seconds": 30, "dev_mode": True},
        sent_the_whole_query,
    ),
    Case(
        "render_query",
        {**QUERY, **SIZE, "fields": ["orders.status", "orders.cuont"]},
        was_judged_before,
        fails=True,
    ),
    Case(
        "render_query",
        {**QUERY, **SIZE, "fields": ["orders.cuont"], "validate": False},
        lambda got: got.sent("create_query"),
        fails=True,
    ),
    Case("render_query", {**QUERY, "width": 999, "height": 10, "max_wait_seconds": 0.6}, outlasted),
    Case(
        "render_query",
        {**QUERY, **SIZE, "fields": ["orders.broken"]},
        failed_with_lookers_reason,
        fails=True,
    ),
    Case("render_look", LOOK, is_png),
    Case(
        "render_look",
        {**LOOK, "result_format": "jpg", "max_wait_seconds": 20},
        lambda got: [is_jpg(got), looked_until_done(got, "create_look_render_task")],
    ),
    Case("render_look", {**LOOK, "look_id": 4}, failed_with_lookers_reason, fails=True),
    Case("render_look", {**LOOK, "max_wait_seconds": 0}, outlasted),
    Case("render_look", {**LOOK, "look_id": 88}, says("no Look with this id"), fails=True),
    Case(  # a moment's weakness of Looker's is sat out
        "render_look",
        LOOK,
        is_png,
        rules=[
            {"operation": "render_task", "status": 503, "times": 1, "after": 1},
            {"operation": "render_task_results", "status": 202, "body": "", "times": 1},
        ],
    ),
    Case(
        "render_look",
        LOOK,
        says("permission", "get_render with render_task_id"),
        rules=[{"operation": "render_task", "status": 403}],
        fails=True,
    ),
    Case(  # a web page, with the right status
        "render_look",
        LOOK,
        says("none of what it can answer"),
        rules=[{"operation": "render_task_results", "corrupt": "html"}],
        fails=True,
    ),
    Case("render_dashboard", {"dashboard_id": "1", **SIZE}, rendered_the_dashboard),
    Case(
        "render_dashboard",
        {
            "dashboard_id": "1",
            **SIZE,
            "result_format": "pdf",
            "dashboard_filters": {"state": 'CA,"N&Y=é"'},
            "dashboard_style": "single_column",
            "tab_ids": ["1", 2],
            "theme": 'Dark & "Blue"',
            "long_tables": True,
            "pdf_paper_size": "a4",
            "pdf_landscape": True,
            "max_wait_seconds": 30,
        },
        sent_the_whole_dashboard,
    ),
    Case(
        "render_dashboard",
        {"dashboard_id": "thelook::overview", **SIZE, "result_format": "png", "pdf_landscape": False},
        lambda got: [is_png(got), got.answer["lookml_dashboard_id"].index("thelook::overview")],
    ),
    Case(
        "render_dashboard",
        {"dashboard_id": "1", **SIZE, "dashboard_filters": {"Stat": "CA"}},
        says('no filter "Stat"', "State"),
        fails=True,
    ),
    Case(
        "render_dashboard",
        {"dashboard_id": "1", **SIZE, "result_format": "jpg", "pdf_paper_size": "a4"},
        says("pdf_paper_size", "result_format pdf"),
        fails=True,
    ),
    Case("render_dashboard_tile", {"dashboard_element_id": "1", **SIZE}, is_png),
    Case(
        "render_dashboard_tile",
        {"dashboard_element_id": 2, **SIZE, "result_format": "jpg", "max_wait_seconds": 20},
        lambda got: [is_jpg(got), got.answer["dashboard_element_id"].index("2")],
    ),
    Case(
        "render_dashboard_tile",
        {"dashboard_element_id": "7", **SIZE},
        failed_with_lookers_reason,
        fails=True,
    ),
    Case(
        "get_render",
        lambda before: {"render_task_id": before[0]["render_task_id"]},
        fetched_later,
        before=BEGUN,
    ),
    Case(
        "get_render",
        lambda before: {"render_task_id": before[0]["render_task_id"], "max_wait_seconds": 0},
        lambda got: [outlasted(got), got.operations.remove("render_task")],
        before=BEGUN,
    ),
    Case("get_render", {"render_task_id": "no-such-task"}, says("no render task"), fails=True),
    Case(
        "get_render",
        lambda before: {"render_task_id": before[0]["render_task_id"]},
        says("no longer there"),
        before=BEGUN,
        rules=[{"operation": "render_task_results", "status": 404, "body": {"message": "Not found"}}],
        fails=True,
    ),
]
