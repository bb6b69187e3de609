#!/usr/bin/env bash
# Build the wheel once, install it alone into a bare environment of every Python found, and run it.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() {
  "$1" -m venv "$work/$2"
  "$work/$2/bin/pip" install --quiet "$3"
  "$work/$2/bin/lut-opt" --version
  "$work/$2/bin/lut-opt" tests/filecheck/passes/pwl-search/doctest.mlir --pwl-search -t json >/dev/null
  "$work/$2/bin/lut-opt" tests/filecheck/passes/pwl-search/doctest.mlir --pwl-search --convert-pwl-to-arith >/dev/null
}
tried=0
for version in 3.11 3.12 3.13; do
  for python in "$(command -v "python$version" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
    "$python" -c "import sys; assert '%d.%d' % sys.version_info[:2] == '$version'" 2>/dev/null || continue
    if [ "$tried" = 0 ]; then
      "$python" -m venv "$work/build"
      "$work/build/bin/pip" wheel --quiet --no-deps . -w "$work"
    fi
    run "$python" "$version" "$work"/*.whl
    tried=$((tried + 1))
    break
  done
done
[ "$tried" -gt 0 ] || { echo "no Python of 3.11 … 3.13 found" >&2; exit 1; }
echo "$tried Pythons: the wheel installs and runs alone"
