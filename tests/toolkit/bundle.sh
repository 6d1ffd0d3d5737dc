#!/bin/sh
# Installs GitHub's own packages and bundles the actions of this directory, each into one file, as published actions are.
#
#   tests/toolkit/bundle.sh OUTPUT
#
# Asks the package registry; does nothing where the output is as new as what it is made from.
set -eu
from=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$1"
to=$(CDPATH='' cd -- "$1" && pwd)

made=$to/.made
if [ -e "$made" ] && [ -z "$(find "$from" -type f -newer "$made")" ]; then exit 0; fi
mkdir -p "$to/packages"
rm -f "$made"
cp "$from/package.json" "$from/package-lock.json" "$to/packages/"
cd "$to/packages"
npm ci --ignore-scripts --no-audit --no-fund
for action in artifact cache core files github configure-aws-credentials amazon-ecr-login; do
  mkdir -p "$to/$action"
  cp "$from/$action/action.yml" "$to/$action/"
  for program in "$from/$action"/*.js; do
    name=$(basename "$program")
    [ "$name" = main.js ] && name=index.js
    # From beside the packages, where they are found.
    cp "$program" program.js
    node_modules/.bin/esbuild program.js --bundle --platform=node --target=node18 --log-level=warning \
      --outfile="$to/$action/$name"
  done
done
: >"$made"
