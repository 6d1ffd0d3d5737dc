#!/usr/bin/env bash
# The completions, by the shells that they are for. What stands here was written down by hand.
#   usage: completion_test.sh SHELL PROGRAM
set -euo pipefail
shell=$1 program=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$program" completion "$shell" >"$work/script"
cd "$work"
mkdir there && touch there/file.yml

# expect WANT GOT WHAT
expect() { [[ $1 == "$2" ]] || { printf '%s\nwant: %s\ngot:  %s\n' "$3" "$1" "$2"; exit 1; }; }

case $shell in
  bash)
    # completed WORDS…: what the last word may become, in one line
    completed() {
      bash --norc -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _buildspec_run; echo "${COMPREPLY[*]}"' \
        bash "$work/script" buildspec-run "$@"
    }
    expect 'validate' "$(completed va)" 'a command'
    expect '--format' "$(completed plan --fo)" 'an option of a command'
    expect '--timeout' "$(completed --ti)" 'an option of run, which need not be named'
    expect 'text json' "$(completed config --format '')" 'the values of an option'
    expect 'json' "$(completed config --format = j)" 'behind ='
    expect 'there' "$(completed plan -C th)" 'directories'
    expect 'there/file.yml' "$(completed validate there/f)" 'files'
    expect '' "$(completed run --timeout '')" 'nothing is known of a time'
    ;;
  zsh)
    zsh -n "$work/script"
    # Loaded as compinit loads it; what it hands to _arguments is shown in place of being completed.
    got=$(zsh -f -c '
      compdef() { :; }
      _describe() { print -r -- "describe ${(P)#2}"; }
      _files() { :; }
      _arguments() { print -rl -- "$@"; }
      source ./script
      words=(buildspec-run va) CURRENT=2; _buildspec_run
      words=(buildspec-run config --) CURRENT=3; _buildspec_run')
    expect "describe $("$program" --help | sed -n '/^commands:/,/^$/p' | grep -c '^  [a-z]')" "$(head -n 1 <<<"$got")" 'the commands'
    grep -qF -- "--format=[default\\: text (one of text, json)]:FORMAT:(text json)" <<<"$got" ||
      grep -qF -- '--format=[default\: text]:FORMAT:(text json)' <<<"$got" || { printf '%s\n' "$got"; exit 1; }
    ;;
  fish)
    fish --no-execute "$work/script"
    # completed TEXT: the words alone
    completed() { fish --no-config -c "source '$work/script'; complete -C'$1'" | cut -f 1 | tr '\n' ' '; }
    expect 'validate ' "$(completed 'buildspec-run va')" 'a command'
    expect '--format ' "$(completed 'buildspec-run plan --fo')" 'an option of a command'
    expect '--timeout ' "$(completed 'buildspec-run --ti')" 'an option of run, which need not be named'
    expect 'json text ' "$(completed 'buildspec-run config --format ')" 'the values of an option'
    expect 'there/ ' "$(completed 'buildspec-run plan -C th')" 'directories'
    ;;
esac
