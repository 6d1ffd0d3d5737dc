#!/bin/sh
# write_scripts.sh DIR COUNT: the scripts of a build of COUNT commands, wrapped as buildspec-run wraps them, and an empty state.
set -e
mkdir -p "$1"
: > "$1/env.sh"
i=0
while [ $i -lt "$2" ]; do
  n=$(printf %05d $i)
  printf "cd '%s'\nset -a\n. '%s/env.sh'\nN=%s; test \$N = %s\nCODEBUILD_LAST_EXIT=\$?\nexport -p > '%s/env.sh'\npwd > '%s/dir.txt'\nexit \$CODEBUILD_LAST_EXIT\n" \
    "$1" "$1" $i $i "$1" "$1" > "$1/$n.sh"
  i=$((i + 1))
done
