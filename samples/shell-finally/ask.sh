#!/bin/sh
# ask.sh DIR TEXT: asks the service of DIR.
printf '%s\n' "$2" > "$1/in"
cat "$1/out"
