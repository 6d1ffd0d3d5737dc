#!/bin/sh
# run_steps.sh DIR: runs the scripts in DIR one after the other, each as GitHub's runner starts a `run` step. Forks nothing else.
for script in "$1"/[0-9]*.sh; do
  bash -e "$script" || exit
done
