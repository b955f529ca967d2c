#!/bin/sh
# Makes generated/ anew from spec/. With FILE or URL, first imports that API document into
# spec/looker-4.0.json:
#
#   tools/regenerate.sh                                  after a change in spec/ or codegen/
#   tools/regenerate.sh https://looker.example.com       the API of that Looker
#   tools/regenerate.sh Looker.4.0.oas.json              a document on disk
#   tools/regenerate.sh --check                          only say whether generated/ is up to date
#
# Exit codes: 0 done; 1 --check found a difference; 2 an input is wrong; 3 no suitable Python.
set -eu

usage() {
    sed -n '2,10s/^# \{0,1\}//p' "$0"
}

find_python() {
    for candidate in "${LK_PYTHON:-}" python3 /usr/bin/python3; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import jinja2, yaml' 2>/dev/null; then
            echo "$candidate"
            return 0
        fi
    done
    echo "regenerate: no python3 that can import jinja2 and yaml (tried \$LK_PYTHON, python3," \
        "/usr/bin/python3); run tools/setup.sh, or: apt-get install python3-jinja2 python3-yaml" >&2
    return 3
}

root=$(cd "$(dirname "$0")/.." && pwd)
python=$(find_python) || exit 3

case "${1:-}" in
-h | --help)
    usage
    exit 0
    ;;
--check)
    exec "$python" "$root/codegen/generate.py" --check
    ;;
-*)
    echo "regenerate: unknown option $1; see --help" >&2
    exit 2
    ;;
esac
if [ $# -gt 1 ]; then
    echo "regenerate: one FILE or URL at most; see --help" >&2
    exit 2
fi
if [ $# -eq 1 ]; then
    "$python" "$root/codegen/import_spec.py" "$1"
fi
exec "$python" "$root/codegen/generate.py"
