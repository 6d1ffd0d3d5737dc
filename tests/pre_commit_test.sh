#!/usr/bin/env bash
# The hook of .pre-commit-hooks.yaml, tried with the real pre-commit in a fresh repository: a buildspec that the cloud would
# refuse is not committed, a good one is, and files of other names are left alone.
#   usage: pre_commit_test.sh SOURCE_DIRECTORY DIRECTORY_OF_BUILDSPEC_RUN
set -euo pipefail

source_directory=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset "${!GIT_@}"  # we may be called by a hook ourselves
export PATH=$2:$PATH HOME=$work PRE_COMMIT_HOME=$work/pre-commit GIT_CONFIG_NOSYSTEM=1
git config --global user.name Tester
git config --global user.email tester@example.com
git config --global init.defaultBranch main

fail() { printf 'FAILED: %s\n' "$1"; [[ ! -e $work/output ]] || cat "$work/output"; exit 1; }

# The hooks, as a repository that pre-commit can take them from.
git init -q "$work/hooks"
cd "$work/hooks"
cp "$source_directory/.pre-commit-hooks.yaml" .
git add . && git commit -q -m hooks
revision=$(git rev-parse HEAD)

git init -q "$work/project"
cd "$work/project"
cat >.pre-commit-config.yaml <<END
repos:
  - repo: $work/hooks
    rev: $revision
    hooks:
      - id: buildspec-validate
END
pre-commit install >"$work/output" 2>&1 || fail 'pre-commit install'

commit() { git add -A && git commit -q -m "$1" >"$work/output" 2>&1; }

printf 'version: 0.2\nphases:\n  build:\n    commands:\n      - make\n' >buildspec.yml
commit 'good' || fail 'a good buildspec was refused'
grep -q 'buildspec.*Passed' "$work/output" || fail 'the hook did not run'

mkdir ci
printf 'version: 0.2\nphases:\n  build:\n    comands:\n      - make\n' >ci/buildspec-release.yaml
! commit 'misspelt key' || fail 'a misspelt key was accepted'
grep -q 'ci/buildspec-release.yaml:4:5: error: .*\[unknown-key\]' "$work/output" || fail 'its place is not named'
[[ $(git rev-list --count HEAD) == 1 ]] || fail 'a commit was made all the same'
rm ci/buildspec-release.yaml

printf 'version: 0.2\nphases: {build: {commands: ["make]}}\n' >buildspec.yml
! commit 'no YAML' || fail 'a file that is no YAML was accepted'
git checkout -q HEAD -- buildspec.yml

printf 'comands: [make\n' >ci/settings.yml
commit 'other file' || fail 'a file of another name was looked at'
