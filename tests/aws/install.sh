#!/bin/sh
# Installs the AWS emulator of the tests (moto) into an environment of its own.
#
#   tests/aws/install.sh OUTPUT
#
# Asks the package registry; does nothing where the output is as new as what it is made from.
set -eu
from=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
to=$1

if [ -e "$to/.made" ] && [ -z "$(find "$from" -type f -newer "$to/.made")" ]; then exit 0; fi
rm -rf "$to"
python3 -m venv "$to"
"$to/bin/pip" install --disable-pip-version-check -q -r "$from/requirements.txt"
: >"$to/.made"
