"""What generate.py says to wrong inputs: one file a case, whose first lines are the expected errors.

    manifest_errors/*.yaml   a manifest, read as spec/tools/case.yaml
    overlay_errors/*.yaml    an overlay, read as spec/overlay.yaml
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import HERE, UPDATE, Project

MARK = "# error: "


def cases(folder: str) -> list[Path]:
    return sorted((HERE / folder).glob("*.yaml"))


def expect(case: Path, stderr: str) -> None:
    """That the errors are those at the head of the file."""
    lines = case.read_text(encoding="utf-8").splitlines(keepends=True)
    body = [line for line in lines if not line.startswith(MARK)]
    said = [line.removeprefix("generate: ") for line in stderr.splitlines()]
    if UPDATE:
        case.write_text("".join(f"{MARK}{line}\n" for line in said) + "".join(body), encoding="utf-8")
        return
    expected = [line.removeprefix(MARK).rstrip("\n") for line in lines if line.startswith(MARK)]
    assert said == expected


def body_of(case: Path) -> str:
    """The file without its expectation, so that line numbers count from the input's first line."""
    lines = case.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(MARK))


@pytest.mark.parametrize("case", cases("manifest_errors"), ids=lambda c: c.stem)
def test_manifest(case: Path, tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    (project.tools / "case.yaml").write_text(body_of(case), encoding="utf-8")
    result = project.generate()
    expect(case, result.stderr)
    assert (result.returncode, result.stdout) == (2, "")
    assert not project.output.exists()


@pytest.mark.parametrize("case", cases("overlay_errors"), ids=lambda c: c.stem)
def test_overlay(case: Path, tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    assert project.overlay is not None
    project.overlay.write_text(body_of(case), encoding="utf-8")
    result = project.generate()
    expect(case, result.stderr)
    assert (result.returncode, result.stdout) == (2, "")


def say(project: Project) -> str:
    result = project.generate()
    assert (result.returncode, result.stdout) == (2, "")
    return result.stderr.removeprefix("generate: ").strip()


def facts_of(project: Project) -> dict[str, Any]:
    return json.loads(project.facts.read_text())


GROUP = "description: D.\non_by_default: true\n"
TOOL = (
    "tools:\n  t:\n    title: T\n    description: D.\n    handler: h\n"
    "    annotations: {read_only: false, destructive: false, idempotent: false, open_world: true}\n"
)


def test_one_tool_in_two_files(tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    for order, name in enumerate("ab"):
        (project.tools / f"{name}.yaml").write_text(f"group: {name}\norder: {order}\n{GROUP}{TOOL}")
    assert say(project) == "spec/tools/b.yaml:6: tools.t: is also in spec/tools/a.yaml:6; rename or remove one"


def test_two_groups_of_one_order(tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    for name in "ab":
        (project.tools / f"{name}.yaml").write_text(f"group: {name}\norder: 7\n{GROUP}")
    assert say(project) == "spec/tools/b.yaml: order: 7 is also that of spec/tools/a.yaml; give each its own"


@pytest.mark.parametrize(
    "name, said",
    [
        ("widgetPage", "spec/facts.json: schemas.widgetPage: its C name looker_widget_page is also that of schemas.WidgetPage; "),
        ("WidgetParams", "spec/facts.json: operations.widget: its C name looker_widget_params is also that of schemas.WidgetParams; "),
        ("OwnerRef", "spec/facts.json: the reference to owner: its C name looker_owner_ref is also that of schemas.OwnerRef; "),
        ("WidgetList", "spec/facts.json: the list of widget: its C name looker_widget_list is also that of schemas.WidgetList; "),
    ],
)
def test_schema_names_that_clash_in_c(name: str, said: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    facts = facts_of(project)
    facts["schemas"][name] = {"status": "stable", "fields": {}}
    project.facts.write_text(json.dumps(facts))
    assert say(project) == said + "give one of them another name, in the overlay or in the manifest"


def test_fields_that_clash_in_c(tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    facts = facts_of(project)
    facts["schemas"]["Part"]["fields"] = {n: {"type": "string"} for n in ("a.b", "a-b", "int", "9lives")}
    project.facts.write_text(json.dumps(facts))
    assert "schemas.Part.a.b: its C name a_b is also that of schemas.Part.a-b; " in say(project)
    del facts["schemas"]["Part"]["fields"]["a.b"]
    project.facts.write_text(json.dumps(facts))
    assert project.generate().returncode == 0
    header = (project.output / "looker_types.h").read_text()
    for member in ("a_b", "int_", "_9lives"):
        assert f"    struct lk_string {member};\n" in header


def test_tool_argument_struct_that_clashes_with_a_schema(tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    facts = facts_of(project)
    facts["schemas"]["TArgs"] = {"status": "stable", "fields": {}}
    project.facts.write_text(json.dumps(facts))
    tool = TOOL.replace("    handler", "    args:\n      a: {type: string, description: A.}\n    handler")
    (project.tools / "a.yaml").write_text(f"group: a\norder: 1\n{GROUP}{tool}")
    assert say(project).startswith("spec/tools/a.yaml: tools.t: its C name looker_t_args is also that of schemas.TArgs; ")


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "spec/facts.json: No such file or directory; "),
        ("{", "spec/facts.json: is not JSON: "),
        ("[]", "spec/facts.json: is not a mapping; "),
        ('{"release": "1", "operations": {}}', "spec/facts.json: lacks the key schemas; "),
        ('{"release": "1", "operations": {}, "schemas": {}, "x": 1}', "spec/facts.json: x: is an unknown key; "),
    ],
)
def test_unusable_facts(text: str | None, said: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "here", overlay=False)
    project.facts.unlink()
    if text is not None:
        project.facts.write_text(text)
    error = say(project)
    assert error.startswith(said) and error.endswith("write the file again with tools/regenerate.sh DOCUMENT")


@pytest.mark.parametrize(
    "change, said",
    [
        ({"path": "/widgets/{id}"}, "operations.widget.path: /widgets/{id} and the path parameters (widget_id) differ"),
        ({"method": "DELETE"}, "operations.widget: DELETE /widgets/{widget_id} is also delete_widget"),
        ({"method": "HEAD"}, "operations.widget.method: is 'HEAD', not one of GET, POST, PUT, PATCH, DELETE"),
        ({"answers": {}}, "operations.widget.answers: has no 2xx status"),
        ({"answers": {"OK": None}}, "operations.widget.answers: is not a mapping from HTTP statuses, in quotes"),
        ({"answers": {"200": {"type": "Wigdet", "media": []}}}, "operations.widget.answers.200: there is no schema Wigdet (did you mean Widget?)"),
        ({"answers": {"200": {"type": "a b", "media": []}}}, "operations.widget.answers.200: 'a b' is not a type"),
        ({"answers": {str(s): None for s in range(200, 204)}}, "operations.widget.answers: has more than three 2xx statuses"),
        ({"body": {"type": "any", "media": ["text/csv"]}}, "operations.widget: travels as text/csv, which has no bit in enum lk_media"),
    ],
)
def test_facts_that_do_not_fit_together(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "here", overlay=False)
    facts = facts_of(project)
    facts["operations"]["widget"].update(change)
    project.facts.write_text(json.dumps(facts))
    assert say(project).startswith(f"spec/facts.json: {said}; ")


def test_missing_tools_folder(tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    project.tools.rmdir()
    assert say(project) == "spec/tools: is no folder; create it, or give another with --tools"


def test_argument_that_names_both_a_parameter_and_a_body_field(tmp_path: Path) -> None:
    project = Project(tmp_path / "here")
    facts = facts_of(project)
    facts["operations"]["create_widget"]["parameters"].append({"in": "query", "name": "size", "type": "integer"})
    project.facts.write_text(json.dumps(facts))
    tool = TOOL.replace(
        "    handler: h\n",
        "    args:\n      name: {type: string, required: true, description: N.}\n"
        "      size: {type: integer, description: S.}\n    operation: create_widget\n    answer: none\n",
    )
    (project.tools / "a.yaml").write_text(f"group: a\norder: 1\n{GROUP}{tool}")
    assert say(project) == (
        "spec/tools/a.yaml:11: tools.t.args.size: is both a query parameter and a body field of create_widget; "
        "bind it: query.size or body.size"
    )


def test_names_that_could_leave_their_place_in_c(tmp_path: Path) -> None:
    project = Project(tmp_path / "here", overlay=False)
    facts = facts_of(project)
    facts["schemas"]["Part*/"] = {"status": "stable", "fields": {}}
    project.facts.write_text(json.dumps(facts))
    assert 'schemas: "Part*/" is not of the form ' in say(project)
    del facts["schemas"]["Part*/"]
    facts["operations"]["get widget"] = facts["operations"].pop("widget")
    project.facts.write_text(json.dumps(facts))
    assert 'operations: "get widget" is not of the form ' in say(project)
    facts = facts_of(project)
    facts["operations"]["widget"] = facts["operations"].pop("get widget")
    facts["schemas"]["Part"]["fields"]["*/"] = {"type": "string"}
    project.facts.write_text(json.dumps(facts))
    assert 'schemas.Part: "*/" is not of the form ' in say(project)


@pytest.mark.parametrize("path", ["widgets", "/widgets?x=1", "/widgets/*/x", "/wid gets", "/{widget_id}x", "/widgets/", ""])
def test_paths_that_are_none(path: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "here", overlay=False)
    facts = facts_of(project)
    facts["operations"]["all_widgets"]["path"] = path
    project.facts.write_text(json.dumps(facts))
    assert f"operations.all_widgets.path: {json.dumps(path)} is not of the form " in say(project)
