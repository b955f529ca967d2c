"""Boards, their sections and what is pinned to them."""

from harness.cases import Case, Got


def shows(**members: object):
    def check(got: Got) -> None:
        assert {name: got.answer.get(name) for name in members} == members

    return check


def has(*ids: str):
    def check(got: Got) -> None:
        assert [item["id"] for item in got.items] == list(ids)

    return check


def whole_board(got: Got) -> None:
    sections = got.answer["board_sections"]
    assert [s["title"] for s in sections] == ["Sales", "Elsewhere"]
    assert [i["title"] for s in sections for i in s["board_items"]] == ["Business Pulse", "Statuses", "Help"]


def reordered(got: Got) -> None:
    assert got.answer["section_order"] == ["2", "1"]
    assert got.body("update_board") == {"section_order": ["2", "1"]}


def pinned_as_it_is(got: Got) -> None:
    assert (got.answer["title"], got.answer["url"]) == ("Users by State", "/looks/3")
    assert set(got.body("create_board_item")) == {"board_section_id", "look_id"}


def linked(got: Got) -> None:
    assert (got.answer["title"], got.answer["url"]) == ("Docs", "https://example.com/d")
    body = got.body("create_board_item")
    assert body["use_custom_title"] and body["use_custom_url"] and body["use_custom_description"]
    assert (body["custom_title"], body["custom_url"], body["order"]) == ("Docs", "https://example.com/d", 3)


def moved(got: Got) -> None:
    assert got.answer["board_section_id"] == "2"
    assert got.body("update_board_item") == {"board_section_id": "2"}


def has_its_own_title_back(got: Got) -> None:
    assert got.answer["title"] == "Orders by Status"
    assert got.body("update_board_item") == {"custom_title": "", "use_custom_title": False}


NEW_SECTION = ("create_board_section", {"board_id": "1", "title": "New"})

CASES = [
    Case("list_boards", {}, has("1", "2")),
    Case("list_boards", {"title": "pi", "limit": 1, "offset": 0, "sorts": "title"}, has("1")),
    Case(
        "list_boards",
        {"creator_id": "2", "favorited": True, "permission": "update", "limit": 1, "offset": 1},
        lambda got: got.sent("search_boards")["query"].index("favorited=true"),
    ),
    Case("get_board", {"board_id": "1"}, whole_board),
    Case("get_board", {"board_id": 99}, fails=True),
    Case("create_board", {"title": "Mine"}, shows(title="Mine")),
    Case("create_board", {"title": "Mine", "description": "All"}, shows(description="All")),
    Case("update_board", {"board_id": "1"}, shows(title="KPIs")),
    Case(
        "update_board",
        {"board_id": "1", "title": "KPI", "description": ""},
        shows(title="KPI", description=""),
    ),
    Case("update_board", {"board_id": "1", "section_order": [2, 1]}, reordered),
    Case("delete_board", {"board_id": "2"}, shows(ok=True, board_id="2")),
    Case("get_board", {"board_id": "2"}, fails=True, before=[("delete_board", {"board_id": "2"})]),
    Case(
        "get_board_section",
        {"board_section_id": "1"},
        shows(board_id="1", title="Sales", item_order=["1", "2"]),
    ),
    Case("create_board_section", {"board_id": "2"}, shows(board_id="2")),
    Case(
        "create_board_section",
        {"board_id": "2", "title": "T", "description": "D"},
        shows(title="T", description="D"),
    ),
    Case(
        "get_board",
        {"board_id": "1"},
        lambda got: got.answer["board_sections"][2]["id"],
        before=[NEW_SECTION],
    ),
    Case("update_board_section", {"board_section_id": "2"}, shows(title="Elsewhere")),
    Case(
        "update_board_section",
        {"board_section_id": "1", "title": "S", "description": "D", "item_order": ["2", "1"]},
        shows(title="S", description="D", item_order=["2", "1"]),
    ),
    Case("delete_board_section", {"board_section_id": "1"}, shows(ok=True)),
    Case(
        "get_board_item",
        {"board_item_id": "1"},
        fails=True,
        before=[("delete_board_section", {"board_section_id": "1"})],
    ),
    Case(
        "get_board_item",
        {"board_item_id": "2"},
        shows(title="Statuses", look_id="1", custom_title="Statuses"),
    ),
    Case("create_board_item", {"board_section_id": "1"}, fails=True),
    Case("create_board_item", {"board_section_id": "1", "look_id": 3}, pinned_as_it_is),
    Case("create_board_item", {"board_section_id": "1", "dashboard_id": "2"}, shows(title="Web Traffic")),
    Case(
        "create_board_item",
        {"board_section_id": "1", "lookml_dashboard_id": "thelook::overview"},
        shows(title="Overview (LookML)"),
    ),
    Case(
        "create_board_item",
        {
            "board_section_id": "2",
            "url": "https://example.com/d",
            "title": "Docs",
            "description": "How",
            "order": 3,
        },
        linked,
    ),
    Case("update_board_item", {"board_item_id": "2"}, shows(title="Statuses")),
    Case("update_board_item", {"board_item_id": "2", "board_section_id": "2"}, moved),
    Case("update_board_item", {"board_item_id": "2", "title": ""}, has_its_own_title_back),
    Case(
        "update_board_item",
        {
            "board_item_id": "3",
            "title": "T",
            "description": "D",
            "url": "https://example.com/e",
            "dashboard_id": "1",
            "look_id": "1",
            "lookml_dashboard_id": "thelook::overview",
            "order": 1,
        },
        shows(title="T", description="D", url="https://example.com/e", dashboard_id="1"),
    ),
    Case("delete_board_item", {"board_item_id": "3"}, shows(ok=True, board_item_id="3")),
    Case(
        "get_board_item",
        {"board_item_id": "3"},
        fails=True,
        before=[("delete_board_item", {"board_item_id": "3"})],
    ),
]
