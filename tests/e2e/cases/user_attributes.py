"""User attributes and their values."""

from __future__ import annotations

from typing import Any

from harness.cases import Case, Got

REGION = {"user_attribute_id": "2"}
ADA = {"user_id": "2"}
NEW = {"name": "sales_region", "label": "Sales region", "type": "string"}


def has(**wanted: Any) -> Any:
    def check(got: Got) -> None:
        assert {name: got.answer[name] for name in wanted} == wanted

    return check


def fails(*words: str) -> Any:
    def check(got: Got) -> None:
        for word in words:
            assert word in got.answer["error"], got.answer

    return check


def values(**wanted: tuple[str | None, str]) -> Any:
    def check(got: Got) -> None:
        assert {v["name"]: (v["value"], v["source"]) for v in got.items} == wanted

    return check


def of_groups(*wanted: tuple[str, str]) -> Any:
    def check(got: Got) -> None:
        assert [(v["group_id"], v["value"]) for v in got.items] == list(wanted)

    return check


def replaces(got: Got) -> None:
    of_groups(("3", "EMEA"), ("1", "APAC"))(got)
    assert got.answer["removed"] == [{"group_id": "2", "value": "AMER"}]
    assert got.body("set_user_attribute_group_values") == [
        {"group_id": "3", "value": "EMEA"},
        {"group_id": "1", "value": "APAC"},
    ]


def sends_nothing(*words: str) -> Any:
    def check(got: Got) -> None:
        fails(*words)(got)
        assert got.requests == []

    return check


def starts_with_the_last(got: Got) -> None:
    assert got.items[0]["name"] == "warehouse_key" and got.answer["next_offset"] == 1


def keeps_name_and_type(got: Got) -> None:
    assert got.body("update_user_attribute") == {"label": "Area", "name": "region", "type": "string"}


def lists_what_is_overridden_and_unset(got: Got) -> None:
    assert [value["value"] for value in got.items] == ["AMER", "EMEA", None]


CASES = [
    Case("list_user_attributes", {}, has(count=4, total=4)),
    Case("list_user_attributes", {"sorts": "name desc", "limit": 1, "offset": 0}, starts_with_the_last),
    Case("get_user_attribute", REGION, has(name="region", default_value="EMEA")),
    Case("get_user_attribute", {"user_attribute_id": "99"}, fails("list_user_attributes"), fails=True),
    Case("create_user_attribute", NEW, has(**NEW)),
    Case(
        "create_user_attribute",
        {
            **NEW,
            "default_value": "x",
            "value_is_hidden": True,
            "user_can_view": False,
            "user_can_edit": False,
            "hidden_value_domain_whitelist": "example.com/*",
            "needed_for_ci_run": False,
            "value_for_ci_run": "y",
        },
        has(default_value="x", value_is_hidden=True, hidden_value_domain_whitelist="example.com/*"),
    ),
    Case("update_user_attribute", REGION, has(name="region", label="Region")),
    Case(
        "update_user_attribute",
        {
            **REGION,
            "name": "area",
            "label": "Area",
            "type": "string",
            "default_value": "x",
            "value_is_hidden": False,
            "user_can_view": True,
            "user_can_edit": False,
            "hidden_value_domain_whitelist": "",
            "needed_for_ci_run": False,
            "value_for_ci_run": "y",
        },
        has(id="2", name="area", label="Area", default_value="x", user_can_edit=False),
    ),
    Case(
        "update_user_attribute",
        {**REGION, "label": "Area"},
        keeps_name_and_type,
    ),
    Case("delete_user_attribute", REGION, has(ok=True)),
    Case("get_user_attribute", REGION, fails("no such"), before=[("delete_user_attribute", REGION)], fails=True),
    Case("list_user_attribute_group_values", REGION, of_groups(("2", "AMER"))),
    Case(
        "set_user_attribute_group_values",
        {**REGION, "values": [{"group_id": "3", "value": "EMEA"}, {"group_id": 1, "value": "APAC"}]},
        replaces,
    ),
    Case(
        "list_user_attribute_group_values",
        REGION,
        of_groups(),
        before=[("set_user_attribute_group_values", {**REGION, "values": []})],
    ),
    Case(
        "set_user_attribute_group_values",
        {**REGION, "values": [{"group_id": "3", "value": "a", "rank": 2}, {"group_id": "1", "value": "b"}]},
        sends_nothing("values[1]", "rank"),
        fails=True,
    ),
    Case(
        "set_user_attribute_group_values",
        {**REGION, "values": [{"group_id": "3"}]},
        sends_nothing("values[0]", "value is missing"),
        fails=True,
    ),
    Case(
        "set_user_attribute_group_values",
        {**REGION, "values": [{"group_id": "3", "value": "a"}, {"group_id": "3", "value": "b"}]},
        sends_nothing("values[1]", "already"),
        fails=True,
    ),
    Case(
        "set_user_attribute_group_values",
        {**REGION, "values": [{"group_id": "3", "value": "a", "user_attribute_id": "1"}]},
        sends_nothing("values[0]", "user_attribute_id", "cannot be set"),
        fails=True,
    ),
    Case("delete_user_attribute_group_value", {**REGION, "group_id": "2"}, has(ok=True, group_id="2")),
    Case(
        "delete_user_attribute_group_value",
        {**REGION, "group_id": "3"},
        fails("the group has no value"),
        fails=True,
    ),
    Case(
        "list_user_attribute_group_values",
        REGION,
        of_groups(),
        before=[("delete_user_attribute_group_value", {**REGION, "group_id": "2"})],
    ),
    Case(
        "list_user_attribute_values_for_user",
        ADA,
        values(department=("Engines", "user"), region=("AMER", "group"), locale=("en", "default")),
    ),
    Case(
        "list_user_attribute_values_for_user",
        {**ADA, "user_attribute_ids": [2, "3"], "all_values": True, "include_unset": True},
        lists_what_is_overridden_and_unset,
    ),
    Case("set_user_attribute_user_value", {**ADA, **REGION, "value": "APAC"}, has(value="APAC", source="user")),
    Case(
        "list_user_attribute_values_for_user",
        {**ADA, "user_attribute_ids": ["2"]},
        values(region=("APAC", "user")),
        before=[("set_user_attribute_user_value", {**ADA, **REGION, "value": "APAC"})],
    ),
    Case("delete_user_attribute_user_value", {**ADA, "user_attribute_id": "1"}, has(ok=True)),
    Case(
        "delete_user_attribute_user_value",
        {**ADA, **REGION},
        fails("the user has no value"),
        fails=True,
    ),
]
