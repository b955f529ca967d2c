#!/usr/bin/env python3
"""Checks the tool manifests against the API's facts and emits generated/looker_{types,ops,tools}.{c,h}
and generated/TOOLS.md.

    generate.py [--check] [--facts FILE] [--overlay FILE | --no-overlay] [--tools DIR] [--output DIR]

Needs jinja2 and yaml; tools/regenerate.sh finds a python3 that has them. What it emits depends on
its inputs alone: no time, no path, no order of a hash. A file that would not change is not touched.
Exit codes: 0 done; 1 with --check, something differs (nothing is written); 2 an input is wrong (one
line a mistake on standard error: file, place, problem; remedy).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from looker_codegen import emit, pipeline
from looker_codegen.errors import InputError

ROOT = Path(__file__).resolve().parent.parent


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Emit generated/ from the facts and the manifests.")
    parser.add_argument("--facts", type=Path, default=ROOT / "spec" / "looker-4.0.json")
    parser.add_argument("--overlay", type=Path, default=ROOT / "spec" / "overlay.yaml")
    parser.add_argument("--no-overlay", action="store_true", help="the facts alone")
    parser.add_argument("--tools", type=Path, default=ROOT / "spec" / "tools", help="folder of the manifests")
    parser.add_argument("--output", type=Path, default=ROOT / "generated", help="folder to write to")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something differs")
    options = parser.parse_args(argv)
    overlay = None if options.no_overlay else options.overlay
    try:
        files = pipeline.generate(options.facts, overlay, options.tools, options.output)
    except InputError as error:
        print(f"generate: {error}", file=sys.stderr)
        return 2
    except pipeline.ManyErrors as errors:
        for each in errors.errors:
            print(f"generate: {each}", file=sys.stderr)
        return 2
    if options.check:
        return check(options.output, files)
    changed = [name for name, text in files.items() if emit.write_if_changed(options.output / name, text)]
    print(f"{options.output}: {', '.join(changed) if changed else 'unchanged'}")
    return 0


def check(output: Path, files: dict[str, str]) -> int:
    differing = [name for name, text in files.items() if not emit.same_content(output / name, text)]
    for name in differing:
        print(
            f"generate: {output / name}: is not what the inputs give; run tools/regenerate.sh",
            file=sys.stderr,
        )
        print(emit.first_difference(output / name, files[name]), file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
