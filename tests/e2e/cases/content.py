"""Looks, dashboards with tiles and filters, LookML dashboards, embedding, validation."""

from __future__ import annotations

import json
from typing import Any

from harness.cases import Case, Got

LOOK = {
    "title": "Mine",
    "model": "thelook",
    "view": "orders",
    "fields": ["orders.status", "orders.count"],
    "folder_id": "2",
}
WHOLE_LOOK = {
    **LOOK,
    "title": "Everything",
    "fields": ["orders.created_month", "orders.status", "orders.count"],
    "filters": {"orders.status": "shipped"},
    "sorts": ["orders.count desc"],
    "limit": 12,
    "description": "All of it",
    "pivots": ["orders.status"],
    "fill_fields": ["orders.created_month"],
    "filter_expression": '${orders.status} = "shipped"',
    "column_limit": 5,
    "total": True,
    "row_total": "right",
    "subtotals": ["orders.created_month"],
    "vis_config": {"type": "looker_column", "stacking": "normal"},
    "query_timezone": "Europe/Berlin",
    "dynamic_fields": '[{"table_calculation":"share","label":"Share","expression":"1"}]',
}
NOT_IN_QUERY = ("title", "description", "folder_id")


def shows(**members: object):
    def check(got: Got) -> None:
        assert {name: got.answer.get(name) for name in members} == members

    return check


def has(*ids: str):
    def check(got: Got) -> None:
        assert [item["id"] for item in got.items] == list(ids)

    return check


def statuses(got: Got) -> dict[str, str]:
    return {step["step"]: step["status"] for step in got.answer["steps"]}


# ---- Looks ----


def look_was_saved(got: Got) -> None:
    query, look = got.body("create_query"), got.body("create_look")
    assert query == {**{k: v for k, v in LOOK.items() if k not in NOT_IN_QUERY}, "limit": "500"}
    assert look == {"title": "Mine", "folder_id": "2", "query_id": got.answer["query_id"]}
    assert got.answer["outcome"] == "done" and got.answer["changed"] == [f"created Look {got.answer['id']}"]


def whole_query_was_saved(got: Got) -> None:
    query, look = got.body("create_query"), got.body("create_look")
    for name, value in WHOLE_LOOK.items():
        if name not in NOT_IN_QUERY:
            assert str(query[name]) == str(value), name
    assert set(query) == set(WHOLE_LOOK) - set(NOT_IN_QUERY)
    assert look["description"] == "All of it"


def says_that_only_the_query_exists(got: Got) -> None:
    assert got.answer["outcome"] == "failed" and got.answer["status"] == 422
    assert "already in use" in got.answer["detail"]
    assert statuses(got) == {"create_query": "done", "create_look": "failed"}
    assert got.answer["query_id"] in got.answer["left_to_do"][0]
    assert got.answer["changed"] == []


def offers_the_nearest_name(got: Got) -> None:
    assert "orders.status" in got.answer["error"] and "create_query" not in got.operations


def found_by_part_of_its_title(got: Got) -> None:
    assert [(i["id"], i["folder"]["name"]) for i in got.items] == [("1", "Sales")]
    query = got.sent("search_looks")["query"]
    assert "title=%25by%20stat%25" in query and "deleted=false" in query


def page_of_one(got: Got) -> None:
    assert got.answer["count"] == 1 and got.answer["next_offset"] == 2


TRASHED_LOOK = ("update_look", {"look_id": "3", "deleted": True})
MADE_LOOK = ("create_look", {**LOOK, "title": "Made"})

# ---- dashboards ----


def tiles_of(got: Got) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in got.items}


def business_pulse(got: Got) -> None:
    tiles = tiles_of(got)
    assert [t["kind"] for t in tiles.values()] == ["query", "look", "query", "text", "merged", "sql", "query"]
    assert tiles["3"]["listen"] == {"State": "users.state"}
    assert tiles["2"]["look_id"] == "2" and tiles["2"]["query"]["view"] == "order_items"
    assert tiles["4"]["body_text"] == "Numbers are made up." and tiles["4"]["title"] == "About"
    assert tiles["1"]["position"] == {"row": 0, "column": 0, "width": 8, "height": 6}
    assert tiles["1"]["query"]["fields"] == ["orders.status", "orders.count"]
    (state,) = got.answer["filters"]
    assert (state["name"], state["dimension"], state["default_value"]) == ("State", "users.state", "California")
    assert got.answer["folder"] == {"id": "2", "name": "Sales"}


NEW_TILE = ("add_dashboard_element", {"dashboard_id": "2", "title": "New", "query_id": "3"})
VIS = {"type": "looker_bar", "stacking": "normal"}


def new_tile(got: Got) -> None:
    element = got.body("create_dashboard_element")
    assert element == {
        "dashboard_id": "1",
        "query_id": got.answer["query_id"],
        "title": "Customers",
        "type": "vis",
        "note_text": "Look here",
    }
    query = got.body("create_query")
    assert query == {
        "model": "thelook",
        "view": "users",
        "fields": ["users.state", "users.count"],
        "filters": {"users.state": "-EMPTY"},
        "sorts": ["users.count desc"],
        "pivots": ["users.state"],
        "limit": "7",
        "vis_config": VIS,
    }
    assert got.answer["listen"] == {"State": "users.state"}
    assert got.answer["position"] == {"row": 40, "column": 12, "width": 6, "height": 4}
    assert set(statuses(got).values()) == {"done"} and len(statuses(got)) == 4


def heading(got: Got) -> None:
    assert got.body("create_dashboard_element") == {
        "dashboard_id": "3",
        "title_text": "Sales",
        "type": "text",
    }


def text_tile(got: Got) -> None:
    body = got.body("create_dashboard_element")
    assert (body["type"], body["body_text"], body["subtitle_text"]) == ("text", "**Hi**", "Sub")


def merged_tile(got: Got) -> None:
    sources = got.body("create_merge_query")["source_queries"]
    assert [s["query_id"] for s in sources] == ["1", "6"]
    assert got.body("create_dashboard_element")["merge_result_id"] == got.answer["merge_result_id"]


def only_the_named_query_listens(got: Got) -> None:
    sent = got.body("update_dashboard_element")["result_maker"]["filterables"]
    assert [[h["field"] for h in f["listen"]] for f in sent] == [["orders.status"], []]


def tile_stays_where_it_is(got: Got) -> None:
    assert got.answer["outcome"] == "failed" and got.answer["status"] == 503
    assert statuses(got) == {"create_tile": "done", "bind_filters": "done", "place_tile": "failed"}
    assert got.answer["changed"][0].startswith("added tile ")
    assert "update_dashboard_element" in got.answer["left_to_do"][0]


def nothing_was_added(got: Got) -> None:
    assert "create_dashboard_element" not in got.operations and "create_query" not in got.operations


def everything_changed(got: Got) -> None:
    change, bind = (got_body for got_body in bodies(got, "update_dashboard_element"))
    assert change == {
        "title": "T",
        "title_hidden": True,
        "note_text": "N",
        "query_id": got.answer["query_id"],
        "refresh_interval": "1 hour",
    }
    query = got.body("create_query")
    assert query["model"] == "thelook" and query["view"] == "users"
    assert query["fields"] == ["users.state", "users.count"] and query["limit"] == "3"
    assert query["vis_config"] == VIS and query["filters"] == {"users.state": "CA"}
    # A new query would have lost what the tile listened to.
    heard = bind["result_maker"]["filterables"][0]["listen"]
    assert heard == [{"dashboard_filter_name": "State", "field": "users.city"}]
    assert got.answer["position"] == {"row": 30, "column": 6, "width": 12, "height": 9}


def bodies(got: Got, operation: str) -> list[Any]:
    return [json.loads(r["body"]) for r in got.requests if r["operation"] == operation]


def what_it_listened_to_is_kept(got: Got) -> None:
    assert got.answer["listen"] == {"State": "users.state"}
    assert bodies(got, "update_dashboard_element")[1]["result_maker"]["filterables"][0]["listen"]


def only_moved(got: Got) -> None:
    assert got.body("update_dashboard_layout_component") == {"row": 50}
    assert "update_dashboard_element" not in got.operations
    assert got.answer["position"] == {"row": 50, "column": 0, "width": 8, "height": 6}


def shows_a_look_instead(got: Got) -> None:
    assert got.body("update_dashboard_element") == {"look_id": "1", "query_id": None}
    assert got.answer["look_id"] == "1" and "query_id" not in got.answer


def listens_no_more(got: Got) -> None:
    assert "listen" not in got.answer
    (entry,) = got.body("update_dashboard_element")["result_maker"]["filterables"]
    assert (entry["model"], entry["view"], entry["listen"]) == ("thelook", "users", [])


def text_was_changed(got: Got) -> None:
    assert got.body("update_dashboard_element") == {
        "title_text": "T",
        "body_text": "B",
        "subtitle_text": "S",
    }


def filter_was_bound(got: Got) -> None:
    made = got.body("create_dashboard_filter")
    assert made == {
        "dashboard_id": "1",
        "name": "city",
        "title": "City",
        "type": "string_filter",
        "dimension": "users.city",
        "default_value": "Berlin",
        "model": "thelook",
        "explore": "users",
        "allow_multiple_values": True,
        "required": False,
        "listens_to_filters": ["State"],
        "ui_config": {"type": "tag_list"},
        "row": 1,
    }
    assert got.answer["tiles"] == ["3"]
    heard = got.body("update_dashboard_element")["result_maker"]["filterables"][0]["listen"]
    assert heard == [
        {"dashboard_filter_name": "State", "field": "users.state"},
        {"dashboard_filter_name": "city", "field": "users.city"},
    ]


def explore_was_found(got: Got) -> None:
    made = got.body("create_dashboard_filter")
    assert (made["model"], made["explore"], made["name"]) == ("thelook", "users", "City")


CITY = {"dashboard_id": "1", "title": "City", "dimension": "users.city", "tiles": ["3", "1"]}


def goes_on_with_the_tiles(got: Got) -> None:
    assert statuses(got)["create_filter"] == "skipped"
    assert got.answer["outcome"] == "done" and got.answer["tiles"] == ["3", "1"]


def one_tile_failed(got: Got) -> None:
    assert [s["status"] for s in got.answer["steps"]] == ["done", "failed", "done"]
    assert got.answer["tiles"] == ["1"] and "tile 3 " in got.answer["left_to_do"][0]


def imported(got: Got) -> None:
    assert (got.answer["title"], got.answer["folder"]["id"]) == ("Ours", "3")
    assert got.answer["lookml_link_id"] == "thelook::overview"


# ---- the rest ----


def signed_for_a_user(got: Got) -> None:
    body = got.body("create_sso_embed_url")
    assert body["target_url"] == "https://x.example/dashboards/1?State=CA"
    assert body["user_attributes"] == {"region": "EU"} and body["permissions"] == ["access_data"]
    assert "external_user_id=u1" in got.answer["url"]


def signed_as_me(got: Got) -> None:
    assert got.body("create_embed_url_as_me") == {
        "target_url": "https://x.example/embed/dashboards/1",
        "session_length": 3600,
        "force_logout_login": False,
    }
    assert "/login/embed/embed/dashboards/1" in got.answer["url"]


def found_what_is_broken(got: Got) -> None:
    assert (got.answer["content_with_errors"], got.answer["looks_validated"]) == (3, 4)
    kinds = {item["kind"]: item for item in got.items}
    assert set(kinds) == {"look", "dashboard_element", "dashboard_filter"}
    assert kinds["look"]["id"] == "4" and kinds["look"]["folder"]["name"] == "Shared"
    tile = kinds["dashboard_element"]
    assert tile["dashboard"] == {"id": "1", "title": "Business Pulse"} and len(tile["errors"]) == 2
    assert tile["errors"][1] == {
        "message": 'Unknown field "orders.lost"',
        "model": "thelook",
        "explore": "orders",
        "field": "orders.lost",
    }


def narrowed(got: Got) -> None:
    assert [item["kind"] for item in got.items] == ["dashboard_element"]
    assert got.sent("content_validation")["workspace"] == "dev"
    assert "project_names=thelook" in got.sent("content_validation")["query"]


CASES = [
    Case("list_looks", {}, has("1", "2", "3", "4")),
    Case(
        "list_looks",
        {"title": "by stat", "folder_id": 2, "limit": 5, "offset": 0, "sorts": "title", "deleted": False},
        found_by_part_of_its_title,
    ),
    Case("list_looks", {"title": "%STATE", "sorts": "title desc"}, has("3")),
    Case("list_looks", {"limit": 1, "offset": 1}, page_of_one),
    Case("list_looks", {}, has("1", "2", "4"), before=[TRASHED_LOOK]),
    Case("list_looks", {"deleted": True}, has("3"), before=[TRASHED_LOOK]),
    Case("create_look", LOOK, look_was_saved),
    Case("create_look", {**WHOLE_LOOK, "validate": False}, whole_query_was_saved),
    Case(
        "create_look",
        {**LOOK, "title": "Made"},
        says_that_only_the_query_exists,
        before=[MADE_LOOK],
        fails=True,
    ),
    Case("create_look", {**LOOK, "fields": ["orders.stats"]}, offers_the_nearest_name, fails=True),
    Case(
        "run_look",
        lambda before: {"look_id": before[0]["id"]},
        lambda got: got.items[9],
        before=[MADE_LOOK],
    ),
    Case("update_look", {"look_id": "1"}, shows(title="Orders by Status")),
    Case(
        "update_look",
        {
            "look_id": 1,
            "title": "T",
            "description": "",
            "folder_id": "3",
            "query_id": "3",
            "deleted": False,
        },
        lambda got: (
            shows(title="T", description="", query_id="3")(got),
            got.answer["folder"]["name"].index("Web"),
        ),
    ),
    Case("delete_look", {"look_id": "3"}, shows(ok=True, look_id="3")),
    Case("run_look", {"look_id": "3"}, fails=True, before=[("delete_look", {"look_id": "3"})]),
    Case("list_dashboards", {}, has("1", "2", "3")),
    Case(
        "list_dashboards",
        {"title": "pulse", "folder_id": "2", "limit": 5, "offset": 0, "sorts": "title", "deleted": False},
        has("1"),
    ),
    Case(
        "list_dashboards",
        {"deleted": True},
        has("3"),
        before=[("update_dashboard", {"dashboard_id": "3", "deleted": True})],
    ),
    Case(
        "list_lookml_dashboards",
        {},
        lambda got: got.items.index({"id": "thelook::overview", "title": "Overview (LookML)", "folder_id": "1"}),
    ),
    Case(
        "list_lookml_dashboards",
        {"title": "over", "folder_id": "1", "limit": 1, "offset": 0},
        has("thelook::overview"),
    ),
    Case("list_lookml_dashboards", {"title": "nothing"}, has()),
    Case(
        "create_dashboard",
        {"title": "Mine", "folder_id": "3"},
        shows(title="Mine", folder={"id": "3", "name": "Web"}),
    ),
    Case("create_dashboard", {"title": "Mine", "folder_id": "3", "description": "D"}, shows(description="D")),
    Case("create_dashboard", {"title": "Web Traffic", "folder_id": "3"}, fails=True),
    Case("update_dashboard", {"dashboard_id": "3"}, shows(title="Empty Dashboard")),
    Case(
        "update_dashboard",
        {
            "dashboard_id": "3",
            "title": "T",
            "description": "D",
            "folder_id": "2",
            "deleted": True,
            "query_timezone": "UTC",
            "refresh_interval": "5 minutes",
            "crossfilter_enabled": True,
        },
        lambda got: (
            shows(title="T", description="D", deleted=True, folder={"id": "2", "name": "Sales"})(got),
            got.body("update_dashboard")["refresh_interval"].index("5 minutes"),
        ),
    ),
    Case("delete_dashboard", {"dashboard_id": "3"}, shows(ok=True)),
    Case(
        "get_dashboard",
        {"dashboard_id": "3"},
        fails=True,
        before=[("delete_dashboard", {"dashboard_id": "3"})],
    ),
    Case("get_dashboard", {"dashboard_id": "1"}, business_pulse),
    Case(
        "get_dashboard",
        {"dashboard_id": "2", "include_vis_config": True, "offset": 1},
        lambda got: (has("9")(got), shows(total=2)(got)),
    ),
    Case("get_dashboard", {"dashboard_id": "thelook::overview"}, has("10")),
    # ---- tiles
    Case("add_dashboard_element", {"dashboard_id": "3", "title": "Sales"}, heading),
    Case(
        "add_dashboard_element",
        {
            "dashboard_id": "1",
            "title": "Customers",
            "type": "vis",
            "query_model": "thelook",
            "query_view": "users",
            "query_fields": ["users.state", "users.count"],
            "query_filters": {"users.state": "-EMPTY"},
            "query_sorts": ["users.count desc"],
            "query_pivots": ["users.state"],
            "query_limit": 7,
            "vis_config": VIS,
            "note_text": "Look here",
            "listen": {"state": "users.state"},
            "row": 40,
            "column": 12,
            "width": 6,
            "height": 4,
        },
        new_tile,
    ),
    Case(
        "add_dashboard_element",
        {"dashboard_id": "3", "title": "T", "body_text": "**Hi**", "subtitle_text": "Sub"},
        text_tile,
    ),
    Case(
        "add_dashboard_element",
        {"dashboard_id": "3", "title": "T", "look_id": 1},
        shows(look_id="1", type="vis"),
    ),
    Case("add_dashboard_element", {"dashboard_id": "3", "title": "T", "query_id": "2"}, shows(query_id="2")),
    Case(
        "add_dashboard_element",
        {"dashboard_id": "3", "title": "T", "merge_result_id": "merge1"},
        shows(merge_result_id="merge1"),
    ),
    Case(
        "add_dashboard_element",
        {
            "dashboard_id": "3",
            "title": "T",
            "merge_queries": [
                {
                    "query_id": "1",
                    "name": "Orders",
                    "merge_fields": [{"field_name": "orders.status", "source_field_name": "orders.status"}],
                },
                {"query_id": 6, "name": "Categories"},
            ],
        },
        merged_tile,
    ),
    Case(
        "add_dashboard_element",
        {
            "dashboard_id": "1",
            "title": "T",
            "merge_result_id": "merge1",
            "listen": {"State": "Orders: orders.status"},
        },
        only_the_named_query_listens,
    ),
    Case(
        "add_dashboard_element",
        {"dashboard_id": "1", "title": "T", "query_id": "3", "listen": {"State": "users.state"}, "row": 1},
        tile_stays_where_it_is,
        rules=[{"operation": "update_dashboard_layout_component", "status": 503}],
        fails=True,
    ),
    Case(
        "add_dashboard_element",
        {"dashboard_id": "1", "title": "T", "query_id": "3", "listen": {"Town": "users.city"}},
        nothing_was_added,
        fails=True,
    ),
    Case(
        "add_dashboard_element",
        {"dashboard_id": "1", "title": "T", "query_id": "3", "look_id": "1"},
        nothing_was_added,
        fails=True,
    ),
    Case("add_dashboard_element", {"dashboard_id": "1", "title": "T", "query_model": "thelook"}, fails=True),
    Case(
        "add_dashboard_element",
        {
            "dashboard_id": "1",
            "title": "T",
            "query_model": "thelook",
            "query_view": "orders",
            "query_fields": ["orders.stats"],
        },
        offers_the_nearest_name,
        fails=True,
    ),
    Case("update_dashboard_element", {"dashboard_element_id": "3"}, shows(outcome="done", changed=[])),
    Case(
        "update_dashboard_element",
        {
            "dashboard_element_id": "3",
            "title": "T",
            "title_hidden": True,
            "note_text": "N",
            "query_fields": ["users.state", "users.count"],
            "query_filters": {"users.state": "CA"},
            "query_sorts": ["users.count"],
            "query_pivots": [],
            "query_limit": 3,
            "vis_config": VIS,
            "refresh_interval": "1 hour",
            "listen": {"State": "users.city"},
            "row": 30,
            "column": 6,
            "width": 12,
            "height": 9,
        },
        everything_changed,
    ),
    Case(
        "update_dashboard_element",
        {"dashboard_element_id": "3", "query_limit": 2},
        what_it_listened_to_is_kept,
    ),
    Case("update_dashboard_element", {"dashboard_element_id": "1", "row": 50}, only_moved),
    Case(
        "update_dashboard_element",
        {"dashboard_element_id": "4", "title": "T", "body_text": "B", "subtitle_text": "S"},
        text_was_changed,
    ),
    Case(
        "update_dashboard_element",
        {"dashboard_element_id": "1", "look_id": "1"},
        shows_a_look_instead,
    ),
    Case("update_dashboard_element", {"dashboard_element_id": "1", "query_id": "2"}, shows(query_id="2")),
    Case(
        "update_dashboard_element",
        {"dashboard_element_id": "1", "merge_result_id": "merge1"},
        shows(merge_result_id="merge1"),
    ),
    Case("update_dashboard_element", {"dashboard_element_id": "2", "query_limit": 3}, fails=True),
    Case("update_dashboard_element", {"dashboard_element_id": "1", "body_text": "B"}, fails=True),
    Case(
        "update_dashboard_element",
        {"dashboard_element_id": "3", "listen": {"State": ""}},
        listens_no_more,
    ),
    Case("delete_dashboard_element", {"dashboard_element_id": "3"}, shows(ok=True)),
    Case(
        "get_dashboard",
        {"dashboard_id": "1"},
        has("1", "2", "4", "5", "6", "7"),
        before=[("delete_dashboard_element", {"dashboard_element_id": "3"})],
    ),
    # ---- filters
    Case(
        "add_dashboard_filter",
        {"dashboard_id": "1", "title": "City", "dimension": "users.city"},
        explore_was_found,
    ),
    Case(
        "add_dashboard_filter",
        {
            "dashboard_id": "1",
            "title": "City",
            "dimension": "users.city",
            "type": "string_filter",
            "default_value": "Berlin",
            "name": "city",
            "model": "thelook",
            "explore": "users",
            "tiles": [3],
            "allow_multiple_values": True,
            "required": False,
            "listens_to_filters": ["State"],
            "ui_config": {"type": "tag_list"},
            "row": 1,
        },
        filter_was_bound,
    ),
    Case(
        "add_dashboard_filter",
        CITY,
        goes_on_with_the_tiles,
        before=[("add_dashboard_filter", {**CITY, "tiles": ["3"]})],
    ),
    Case(
        "add_dashboard_filter",
        CITY,
        one_tile_failed,
        rules=[{"operation": "update_dashboard_element", "times": 1, "status": 503}],
        fails=True,
    ),
    Case(
        "add_dashboard_filter",
        {"dashboard_id": "1", "title": "state", "dimension": "users.city"},
        fails=True,
    ),
    Case("add_dashboard_filter", {**CITY, "tiles": ["99"]}, fails=True),
    Case("add_dashboard_filter", {**CITY, "tiles": ["4"]}, fails=True),
    Case(
        "update_dashboard_filter",
        {"dashboard_filter_id": "1"},
        shows(name="State", default_value="California"),
    ),
    Case(
        "update_dashboard_filter",
        {
            "dashboard_filter_id": "1",
            "title": "T",
            "default_value": "",
            "type": "string_filter",
            "dimension": "users.city",
            "model": "thelook",
            "explore": "users",
            "allow_multiple_values": False,
            "required": True,
            "listens_to_filters": [],
            "ui_config": {"type": "dropdown_menu"},
            "row": 2,
        },
        shows(name="State", title="T", default_value="", dimension="users.city", required=True, row=2),
    ),
    Case("delete_dashboard_filter", {"dashboard_filter_id": "1"}, shows(ok=True)),
    Case(
        "get_dashboard",
        {"dashboard_id": "1"},
        shows(filters=[]),
        before=[("delete_dashboard_filter", {"dashboard_filter_id": "1"})],
    ),
    # ---- LookML dashboards, embedding, validation
    Case(
        "import_lookml_dashboard",
        {"lookml_dashboard_id": "thelook::overview", "folder_id": "2"},
        shows(title="Overview (LookML)", lookml_link_id="thelook::overview"),
    ),
    Case(
        "import_lookml_dashboard",
        {"lookml_dashboard_id": "thelook::overview", "folder_id": "3", "title": "Ours"},
        imported,
    ),
    Case(
        "run_dashboard",
        lambda before: {"dashboard_id": before[0]["id"]},
        lambda got: got.items[0]["items"][9],
        before=[("import_lookml_dashboard", {"lookml_dashboard_id": "thelook::overview", "folder_id": "2"})],
    ),
    Case("import_lookml_dashboard", {"lookml_dashboard_id": "1", "folder_id": "2"}, fails=True),
    Case("generate_embed_url", {"target_url": "https://x.example/dashboards/1"}, signed_as_me),
    Case(
        "generate_embed_url",
        {
            "target_url": "https://x.example/embed/dashboards/1?State=CA",
            "session_length": 60,
            "force_logout_login": True,
            "external_user_id": "u1",
            "first_name": "A",
            "last_name": "B",
            "group_ids": [1],
            "models": ["thelook"],
            "permissions": ["access_data"],
            "user_attributes": {"region": "EU"},
            "external_group_id": "g",
            "user_timezone": "UTC",
            "secret_id": "1",
            "embed_domain": "https://app.example",
        },
        signed_for_a_user,
    ),
    Case("generate_embed_url", {"target_url": "/dashboards/1"}, fails=True),
    Case("generate_embed_url", {"target_url": "https://x.example/looks/1", "models": ["m"]}, fails=True),
    Case(
        "generate_embed_url",
        {"target_url": "https://x.example/looks/1", "external_user_id": "u1", "models": ["thelook"]},
        fails=True,
    ),
    Case("validate_content", {}, found_what_is_broken),
    Case(
        "validate_content",
        {
            "project_names": ["thelook"],
            "folder_ids": [2, 3],
            "model": "thelook",
            "dev_mode": True,
            "limit": 1,
            "offset": 0,
        },
        narrowed,
    ),
    Case(
        "validate_content",
        {"model": "analytics", "dev_mode": True},
        shows(content_with_errors=0, items=[]),
    ),
]
