#!/bin/sh
# run_scripts.sh DIR: runs the scripts of write_scripts.sh one after the other, each in a shell of its own. Forks nothing else.
for script in "$1"/[0-9]*.sh; do
  sh "$script" || exit
done
