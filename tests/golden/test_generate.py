"""What generate.py emits: the expected C, that it compiles, and that it depends on its inputs alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
from support import FLAGS, HERE, ROOT, Project, compare, compile_c, compilers, run

NAMES = [*(f"looker_{part}.{end}" for part in ("types", "ops", "tools") for end in ("c", "h")), "TOOLS.md"]
CASES = sorted(p.name for p in (HERE / "generate").iterdir())


def project(case: str, folder: Path) -> Project:
    made = Project(folder, overlay=case != "empty")
    for manifest in (HERE / "generate" / case / "tools").glob("*.yaml"):
        shutil.copy(manifest, made.tools)
    if case == "empty":
        made.facts.write_text('{"release": "0", "operations": {}, "schemas": {}}')
    return made


@pytest.mark.parametrize("case", CASES)
def test_expected_c(case: str, tmp_path: Path) -> None:
    made = project(case, tmp_path / "here")
    result = made.generate()
    assert (result.returncode, result.stderr) == (0, "")
    for name in NAMES:
        compare(
            HERE / "generate" / case / "expected" / name, (made.output / name).read_text(encoding="utf-8")
        )


@pytest.mark.parametrize("compiler", compilers())
@pytest.mark.parametrize("case", CASES)
def test_expected_c_compiles(case: str, compiler: str) -> None:
    expected = HERE / "generate" / case / "expected"
    for source in expected.glob("*.c"):
        result = compile_c(compiler, source, expected, "-fsyntax-only")
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("compiler", compilers())
@pytest.mark.parametrize(
    "statement, good",
    [
        ("return looker_update_widget(&params, &body).op == &looker_ops[LOOKER_OP_UPDATE_WIDGET];", True),
        ("return looker_no_such_operation(&params).op != NULL;", False),
        ("return looker_widget(&params).op != NULL;", False),
        ("return looker_update_widget(&params, &params).op != NULL;", False),
        ("return looker_update_widget(&params).op != NULL;", False),
        ("body.no_such_field = lk_integer(1); return body.size.is;", False),
        ("body.name = lk_integer(1); return body.size.is;", False),
    ],
)
def test_wrong_calls_do_not_compile(statement: str, good: bool, compiler: str, tmp_path: Path) -> None:
    source = tmp_path / "call.c"
    source.write_text(
        '#include "looker_ops.h"\nint main(void)\n{\n    struct looker_update_widget_params params = {0};\n'
        f"    struct looker_widget body = {{0}};\n    (void)params;\n    {statement}\n}}\n"
    )
    result = compile_c(compiler, source, HERE / "generate" / "whole" / "expected", "-fsyntax-only")
    assert (result.returncode == 0) == good, result.stderr


def test_same_text_anywhere_and_with_any_hash_seed(tmp_path: Path) -> None:
    first, second = project("whole", tmp_path / "a"), project("whole", tmp_path / "deep" / "er" / "b")
    assert first.generate(env={"PYTHONHASHSEED": "1"}).returncode == 0
    assert second.generate(env={"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LC_ALL": "C"}).returncode == 0
    for name in NAMES:
        assert (first.output / name).read_bytes() == (second.output / name).read_bytes(), name


def test_a_file_that_is_right_is_not_touched(tmp_path: Path) -> None:
    made = project("whole", tmp_path / "here")
    assert made.generate().returncode == 0
    for name in NAMES:
        os.utime(made.output / name, ns=(1_000_000_000, 1_000_000_000))
    stale = made.output / "looker_ops.h"
    stale.write_text("edited by hand\n")
    result = made.generate()
    assert (result.returncode, result.stdout) == (0, f"{made.output}: looker_ops.h\n")
    touched = [n for n in NAMES if (made.output / n).stat().st_mtime_ns != 1_000_000_000]
    assert touched == ["looker_ops.h"]
    assert "edited by hand" not in stale.read_text()
    assert sorted(p.name for p in made.output.iterdir()) == sorted(NAMES)


def test_check_writes_nothing_and_says_what_differs(tmp_path: Path) -> None:
    made = project("whole", tmp_path / "here")
    result = made.generate("--check")
    assert result.returncode == 1 and "looker_types.h does not exist" in result.stderr
    assert not made.output.exists()
    assert made.generate().returncode == 0
    assert made.generate("--check").returncode == 0
    edited = made.output / "looker_types.c"
    edited.write_text(edited.read_text().replace('"weight"', '"height"'))
    result = made.generate("--check")
    assert result.returncode == 1
    assert "looker_types.c: is not what the inputs give; run tools/regenerate.sh" in result.stderr
    assert '-    F(widget, weight, "height"' in result.stderr
    assert '"height"' in edited.read_text()


def test_errors_leave_the_output_alone(tmp_path: Path) -> None:
    made = project("whole", tmp_path / "here")
    assert made.generate().returncode == 0
    before = {n: (made.output / n).read_bytes() for n in NAMES}
    manifest = made.tools / "first.yaml"
    manifest.write_text(manifest.read_text().replace("operations: [widget,", "operations: [wigdet,"))
    assert made.generate().returncode == 2
    assert before == {n: (made.output / n).read_bytes() for n in NAMES}


def test_committed_output_is_what_the_inputs_give() -> None:
    result = run("generate.py", "--check")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("compiler", compilers())
def test_committed_output_compiles(compiler: str) -> None:
    for source in (ROOT / "generated").glob("*.c"):
        result = compile_c(compiler, source, ROOT / "generated", "-fsyntax-only")
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("generated", [ROOT / "generated", HERE / "generate" / "whole" / "expected"], ids=["committed", "whole"])
def test_tables_hold_together(generated: Path, tmp_path: Path) -> None:
    """Walks the compiled tables: order, offsets, routes, bindings; and reads every schema."""
    program = tmp_path / "tables"
    sources = [HERE / "tables_check.c", *sorted(generated.glob("*.c"))]
    # Handlers are named by the rows and never called here.
    command = ["gcc", *FLAGS, "-I", ROOT / "src", "-I", generated, *sources, "-o", program]
    built = subprocess.run(
        [*map(str, command), "-Wl,--unresolved-symbols=ignore-all"], capture_output=True, text=True, timeout=120
    )
    assert built.returncode == 0, built.stderr
    walked = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (walked.returncode, walked.stderr) == (0, "")
    for schema in map(json.loads, walked.stdout.splitlines()):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object" and schema["additionalProperties"] is False
        for name, row in schema.get("properties", {}).items():
            assert isinstance(row["type"], str) and row.get("description") != "", name
