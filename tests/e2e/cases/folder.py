"""The tree of folders, and what is in them."""

from harness.cases import Case, Got


def has(*ids: str):
    def check(got: Got) -> None:
        assert [item["id"] for item in got.items] == list(ids)

    return check


def shows(**members: object):
    def check(got: Got) -> None:
        assert {name: got.answer.get(name) for name in members} == members

    return check


def found_by_part_of_its_name(got: Got) -> None:
    assert [(f["name"], f["parent_id"], f["child_count"]) for f in got.items] == [("Sales", "1", 0)]
    assert "name=%25sal%25" in got.sent("search_folders")["query"]


def made(got: Got) -> None:
    assert (got.answer["name"], got.answer["parent_id"], got.answer["child_count"]) == ("Q3", "2", 0)


def moved(got: Got) -> None:
    assert (got.answer["name"], got.answer["parent_id"]) == ("Web", "2")
    assert got.body("update_folder") == {"parent_id": "2"}, "what was not named is not sent"


DEEP = ("create_folder", {"name": "Deep", "parent_id": "2"})

CASES = [
    Case("list_folders", {}, has("1", "2", "3", "11", "12")),
    Case(
        "list_folders",
        {"name": "sal", "parent_id": 1, "limit": 5, "offset": 0, "sorts": "name"},
        found_by_part_of_its_name,
    ),
    Case("list_folders", {"is_shared_root": True}, has("1")),
    Case("list_folders", {"is_users_root": True, "creator_id": "2"}, has()),
    Case("list_folders", {"creator_id": "1", "name": "D%"}, has("13"), before=[DEEP]),
    Case("get_folder", {"folder_id": "2"}, shows(name="Sales", parent_id="1", child_count=0)),
    Case("get_folder", {"folder_id": 2}, shows(child_count=1), before=[DEEP]),
    Case("create_folder", {"name": "Q3", "parent_id": "2"}, made),
    Case("create_folder", {"name": "Web", "parent_id": "1"}, fails=True),
    Case("update_folder", {"folder_id": "3"}),
    Case("update_folder", {"folder_id": "3", "parent_id": "2"}, moved),
    Case("update_folder", {"folder_id": "3", "name": "WWW", "parent_id": "1"}, shows(name="WWW")),
    Case("delete_folder", {"folder_id": "3"}, shows(ok=True, folder_id="3")),
    Case("get_folder", {"folder_id": "3"}, fails=True, before=[("delete_folder", {"folder_id": "3"})]),
    Case("list_dashboards", {"title": "Web"}, has(), before=[("delete_folder", {"folder_id": "3"})]),
    Case("get_folder_children", {"folder_id": "1"}, has("2", "3", "11", "12")),
    Case(
        "get_folder_children",
        {"folder_id": "1", "limit": 1, "offset": 1, "sorts": "name desc"},
        lambda got: (has("11")(got), got.answer["next_offset"]),
    ),
    Case(
        "get_folder_ancestors",
        lambda before: {"folder_id": before[0]["id"]},
        has("1", "2"),
        before=[DEEP],
    ),
    Case("get_folder_ancestors", {"folder_id": "2"}, has("1")),
    Case("get_folder_looks", {"folder_id": "2"}, has("1", "2")),
    Case("get_folder_looks", {"folder_id": "2", "limit": 1, "offset": 1}, has("2")),
    Case("get_folder_dashboards", {"folder_id": "2"}, has("1")),
    Case("get_folder_dashboards", {"folder_id": "2", "limit": 1, "offset": 1}, has()),
]
