#!/bin/sh
# Installs GitHub's own evaluator of expressions, which the differential test asks.
#
#   tests/expressions_oracle/install.sh OUTPUT
#
# Asks the package registry; does nothing where the output is as new as what it is made from.
set -eu
from=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$1"
to=$(CDPATH='' cd -- "$1" && pwd)

made=$to/.made
if [ -e "$made" ] && [ -z "$(find "$from" -name 'package*.json' -newer "$made")" ]; then exit 0; fi
rm -f "$made"
cp "$from/package.json" "$from/package-lock.json" "$to/"
cd "$to"
npm ci --ignore-scripts --no-audit --no-fund
: >"$made"
