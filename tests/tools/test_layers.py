"""tools/check-layers.py: this tree keeps the layer rule, and each kind of breach is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "check-layers.py"


def run(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def plant(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


HEADERS = {
    f"src/{layer}/x.h": ""
    for layer in ("base", "json", "rt", "api", "mcp", "handlers", "transport")
} | {"generated/looker_ops.h": "", "generated/looker_tools.h": ""}


def test_this_tree_keeps_the_rule() -> None:
    result = run(ROOT)
    assert result.returncode == 0, result.stderr


def test_a_tree_that_keeps_the_rule_passes(tmp_path: Path) -> None:
    plant(tmp_path, HEADERS)
    plant(
        tmp_path,
        {
            "src/rt/http.c": '#include "base/x.h"\n#include <curl/curl.h>\n#include <string.h>\n',
            "src/api/a.c": '#include "looker_ops.h"\n',
            "src/handlers/a.c": '#include "looker_ops.h"\n#include "api/x.h"\n#include "mcp/x.h"\n',
            "src/transport/http.c": '#include "x.h"\n#include <h2o.h>\n',
            "src/main.c": '#include "transport/x.h"\n#include "handlers/x.h"\n',
        },
    )
    result = run(tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("file", "include", "said"),
    [
        ("src/base/bad.c", '"json/x.h"', "base may include itself and: no other layer"),
        ("src/json/bad.c", '"rt/x.h"', 'includes "rt/x.h" of layer rt'),
        ("src/api/bad.c", '"mcp/x.h"', 'includes "mcp/x.h" of layer mcp'),
        ("src/mcp/bad.c", '"api/x.h"', 'includes "api/x.h" of layer api'),
        ("src/mcp/bad.c", '"looker_ops.h"', "of layer generated"),
        ("src/api/bad.c", '"looker_tools.h"', "of layer generated tools"),
        ("src/mcp/bad.c", '"../api/x.h"', 'includes "../api/x.h" of layer api'),
        ("src/handlers/bad.c", '"transport/x.h"', "of layer transport"),
        ("src/transport/bad.c", '"handlers/x.h"', "of layer handlers"),
        ("src/api/api.c", "<hiredis/hiredis.h>", "hiredis is for src/rt/redis only"),
        ("src/transport/http.c", "<curl/curl.h>", "libcurl is for src/rt/ only"),
        ("src/rt/http.c", "<h2o.h>", "h2o is for src/rt/loop"),
        ("src/api/bad.c", "<openssl/ssl.h>", "OpenSSL is for src/transport/"),
        ("src/rt/bad.c", "<cjson/cJSON.h>", "cJSON is for src/json/"),
        ("src/base/bad.c", '"nowhere.h"', "no file of the project"),
        ("src/novel/bad.c", '"base/x.h"', "no layer"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, file: str, include: str, said: str) -> None:
    plant(tmp_path, HEADERS)
    plant(tmp_path, {file: f"\n  #  include {include}\n"})
    result = run(tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"{file}:2: ")
    assert said in result.stderr


def test_a_tree_without_sources_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.returncode == 1
    assert "no C files" in result.stderr
