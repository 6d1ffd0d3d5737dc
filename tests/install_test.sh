#!/usr/bin/env bash
# What is installed runs from where it lies, in a path with a space, and finds its parts there.
#   usage: install_test.sh CMAKE SOURCE_DIRECTORY BUILD_DIRECTORY
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/a place"
"$1" --install "$3" --prefix "$prefix" >"$work/output"

cp -R "$2/samples/hello" "$work/hello"
cd "$work/hello"
program=$prefix/bin/buildspec-run
env -i PATH="$PATH" HOME="$work" "$program" run >"$work/output" 2>&1 || { cat "$work/output"; exit 1; }
grep -q '^Hello, world!$' "$work/output" || { cat "$work/output"; exit 1; }

for file in libexec/buildspec-run/buildspec-run-supervisor libexec/buildspec-run/libbuildspec-run-git.so \
  libexec/buildspec-run/libbuildspec-run-digest.so libexec/buildspec-run/libbuildspec-run-http-server.so \
  share/buildspec-run/schema/event.schema.json share/doc/buildspec-run/LICENSE; do
  [[ -s $prefix/$file ]] || { echo "not installed: $file"; exit 1; }
done
