#!/usr/bin/env python3
"""Turns Looker's API document into spec/looker-4.0.json: facts, no prose.

    import_spec.py FILE|URL [--output FILE]

FILE or URL is the OpenAPI 3.0 document, the Swagger 2.0 document, or just https://HOST of a Looker,
whose /versions names its document. Needs only Python's standard library. Exit codes: 0 written (or
already the same), 2 the input is not usable (one line on standard error says where and why).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from looker_codegen import emit, facts, fetch, vendor
from looker_codegen.errors import InputError

ROOT = Path(__file__).resolve().parent.parent


def reference_notes(importer: vendor.Importer, overlay: Path) -> list[str]:
    """Where a Swagger document and the overlay's read_only_references differ (see vendor.py). The
    list is read line by line, since this program does without a YAML library."""
    said = importer.reference_flags()
    if not said or not overlay.exists():
        return []
    section = overlay.read_text(encoding="utf-8").partition("read_only_references:")[2]
    kept = set(re.findall(r"^ +- ([A-Za-z0-9_]+\.[A-Za-z0-9_]+)$", section, re.MULTILINE))
    new, gone = sorted(said - kept), sorted(kept - said)
    notes = [f"{overlay}: add to read_only_references: {', '.join(new)}"] if new else []
    return notes + ([f"{overlay}: remove from read_only_references: {', '.join(gone)}"] if gone else [])


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Write the facts of Looker's API document.")
    parser.add_argument("source", metavar="FILE|URL")
    parser.add_argument("--output", type=Path, default=ROOT / "spec" / "looker-4.0.json")
    parser.add_argument(
        "--overlay", type=Path, default=ROOT / "spec" / "overlay.yaml", help="to compare with"
    )
    options = parser.parse_args(argv)
    try:
        document, name = fetch.read_document(options.source)
        importer = vendor.Importer(document, name)
        found = importer.run()
    except InputError as error:
        print(f"import_spec: {error}", file=sys.stderr)
        return 2
    changed = emit.write_if_changed(options.output, facts.dump(found))
    for note in [*importer.notes, *reference_notes(importer, options.overlay)]:
        print(f"import_spec: note: {note}", file=sys.stderr)
    print(
        f"{options.output}: release {found.release}, {len(found.operations)} operations, "
        f"{len(found.schemas)} schemas{'' if changed else ', unchanged'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
