#!/usr/bin/env bash
# Builds, runs and tests buildspec-run from its source, and first installs what that needs and this machine lacks.
#
# With nothing to do it must cost next to nothing, because `./bootstrap.sh run` is how people try the program: so what is
# needed is probed by what the build uses (a command, a pkg-config module, a file), never by asking the package manager,
# and CMake runs only where it has not run before; from then on Ninja reruns it when a CMakeLists.txt changes.
# stdout belongs to the program or to ctest; what this script says goes to stderr, one line a step, and the output of the
# steps to build/bootstrap.log.
set -euo pipefail

usage() {
  cat <<'END'
usage: ./bootstrap.sh [--no-install] run [ARGUMENTS…]       build, then run buildspec-run with these arguments
       ./bootstrap.sh [--no-install] build                  build the program: build/release/bin/buildspec-run
       ./bootstrap.sh [--no-install] test [--quick|--all]   build and test

  --no-install  never install anything: name what is missing, and stop
  --quick       unit and corpus tests only
  --all         also sanitizers, fuzzers, formatting and real tools; a skipped test is a failure, and some tests skip
                themselves unless they are root (mounts, other users): run it as root. This is what CI runs

What is missing is installed by apt on Debian 12, Ubuntu 24.04 and newer (with sudo when you are not root); no package is
ever removed. On other systems it is named. Exit 3: something is missing, or the build failed (see build/bootstrap.log).
END
}

case ${BASH_SOURCE[0]} in
  */*) root=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}" && pwd) ;;
  *) root=$PWD ;;
esac
log=$root/build/bootstrap.log
boost_unpacked=$root/build/boost/usr  # see install_boost

say() { printf 'bootstrap: %s\n' "$*" >&2; }
die() { say "$@"; exit 3; }

# attempt DOING COMMAND…: runs it with its output in the log; when it fails, says so and shows the end of the log.
lines_shown=30
attempt() {
  local doing=$1 status=0
  shift
  "$@" >>"$log" 2>&1 </dev/null || status=$?
  ((status == 0)) || { say "$doing failed (exit $status); the end of build/bootstrap.log:"; tail -n "$lines_shown" "$log" >&2; }
  return "$status"
}

# --- what is needed: probe, name, Debian's package ------------------------------------------------------------------

needs_to_build='
command g++          g++
command cmake        cmake
command ninja        ninja-build
command ccache       ccache
command git          git
command pkg-config   pkg-config
module  yaml-0.1     libyaml-dev
module  libgit2      libgit2-dev
module  libcrypto    libssl-dev
module  libcurl      libcurl4-openssl-dev
module  libarchive   libarchive-dev
module  yaml-cpp     libyaml-cpp-dev
module  fmt          libfmt-dev
module  re2          libre2-dev
module  libpcre2-8   libpcre2-dev
module  CLI11        libcli11-dev
boost   1.81         -'
needs_to_test='
module  gtest        libgtest-dev
command make         make
command openssl      openssl
command python3      python3'
needs_to_test_all='
command clang++-14       clang-14
command clang-format-14  clang-format-14
command clang-tidy-14    clang-tidy-14
file    /usr/lib/llvm-14/lib/clang/14*/lib/linux/libclang_rt.fuzzer-*.a  libclang-rt-14-dev
file    /usr/lib/python3*/ensurepip/__init__.py                          python3-venv
command go               golang-go
file    /usr/share/gocode/src/gopkg.in/yaml.v2/yaml.go                   golang-gopkg-yaml.v2-dev
command node             nodejs
command npm              npm
command pre-commit       pre-commit
command shellcheck       shellcheck
command zsh              zsh
command fish             fish
command dpkg-shlibdeps   dpkg-dev
command rpmbuild         rpm
command groff            groff
command zstd             zstd
command busybox          busybox-static
command docker-registry  docker-registry'
needs_without_engine='
file    /usr/sbin/dockerd        docker.io'

# True where CMake will find a Boost of at least $1, such as 1.81.
have_boost() {
  local prefix define name version
  for prefix in ${BOOST_ROOT:+"$BOOST_ROOT"} "$boost_unpacked" /usr/local /usr; do
    [[ -r $prefix/include/boost/version.hpp ]] || continue
    while read -r define name version; do
      [[ $define == '#define' && $name == BOOST_VERSION ]] || continue
      ((version >= ${1%.*} * 100000 + ${1#*.} * 100)) && return 0  # 1.81.0 is 108100
    done <"$prefix/include/boost/version.hpp"
  done
  return 1
}

# missing NEEDS: the lines of NEEDS that this machine does not have.
missing() {
  local kind what package modules=()
  while read -r kind what package; do
    case $kind in
      command) command -v "$what" >/dev/null || echo "$kind $what $package" ;;
      file) compgen -G "$what" >/dev/null || echo "$kind $what $package" ;;
      boost) have_boost "$what" || echo "$kind $what $package" ;;
      module) modules+=("$what $package") ;;
    esac
  done <<<"$1"
  # One question for all of them, as a rule.
  command -v pkg-config >/dev/null && pkg-config --exists "${modules[@]%% *}" 2>/dev/null && return
  for what in "${modules[@]}"; do
    pkg-config --exists "${what%% *}" 2>/dev/null || echo "module $what"
  done
}

# --- installing -----------------------------------------------------------------------------------------------------

apt() {
  local sudo=()
  ((EUID == 0)) || sudo=(sudo)
  # --no-remove: apt gives up rather than remove a package. A lock held by an upgrade in the background is waited for.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends --no-remove \
    -o DPkg::Lock::Timeout=300 "$@"
}

# The lists of packages may be old: when a download fails, they are fetched anew, and it is tried once more.
apt_install() { apt install "$@" || { apt update && apt install "$@"; }; }

apt_is_ours() {
  local ID='' VERSION_ID=''
  [[ -r /etc/os-release ]] && command -v apt-get >/dev/null || return 1
  # shellcheck source=/dev/null
  . /etc/os-release
  case $ID in  # Debian's testing has no number
    debian) dpkg --compare-versions "${VERSION_ID:-99}" ge 12 ;;
    ubuntu) dpkg --compare-versions "$VERSION_ID" ge 24.04 ;;
    *) return 1 ;;
  esac
}

# The lowest packaged Boost from $1 on: libboost1.81-dev in Debian 12, where libboost-dev is still 1.74.
boost_package() {
  apt-cache search --names-only '^libboost1\.[0-9]+-dev$' | sed -n 's/^libboost1\.\([0-9]*\)-dev .*/\1/p' | sort -n |
    while read -r minor; do
      ((minor >= ${1#*.})) && { echo "libboost1.$minor-dev"; break; }
    done
}

# Debian lets only one version of Boost be installed. Where an older one is, it stays: we need nothing but headers, so
# the package is unpacked beside the build, for us alone.
install_boost() {
  local package
  package=$(boost_package "$1")
  [[ -n $package ]] || { echo "no package with Boost $1 or newer is known to apt"; return 1; }
  apt_install "$package" && return
  echo "unpacking $package into build/boost instead"
  mkdir -p "$root/build/boost"
  cd "$root/build/boost" && apt-get -q download "$package" && dpkg -x "$package"_*.deb . && rm "$package"_*.deb
}

# need NEEDS: returns when all of it is there.
need() {
  local lacking packages=() boost='' names=() kind what package
  lacking=$(missing "$1")
  [[ -n $lacking ]] || return 0
  while read -r kind what package; do
    if [[ $kind == boost ]]; then boost=$what names+=("Boost $what or newer"); else packages+=("$package") names+=("$what"); fi
  done <<<"$lacking"
  local named
  printf -v named '%s, ' "${names[@]}"
  named=${named%, }
  [[ -z $no_install ]] || die "missing: $named (nothing is installed, as --no-install asks)"
  apt_is_ours || die "missing: $named. This is not Debian 12, Ubuntu 24.04 or newer: please install it, then try again"
  ((EUID == 0)) || command -v sudo >/dev/null || die "missing: $named. Neither root nor sudo is here to install it"
  say "installing $named"
  installed=1
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || attempt 'apt-get update' apt update || exit 3
  ((${#packages[@]} == 0)) || attempt 'apt-get install' apt_install "${packages[@]}" || exit 3
  [[ -z $boost ]] || (attempt 'installing Boost' install_boost "$boost") || exit 3
  lacking=$(missing "$1")
  [[ -z $lacking ]] || die "still missing after the installation: ${lacking//$'\n'/, }"
}

# --- building -------------------------------------------------------------------------------------------------------

# configure PRESET [OPTIONS…]: does nothing where the preset has been configured in this place with these options.
# The stamp holds the place, and then the options.
configure() {
  local preset=$1 stamp=$root/build/$1/.configured made='' option todo=$installed fresh=() boost=()
  shift
  [[ -e $root/build/$preset/build.ninja && -r $stamp ]] && made=$(<"$stamp")
  # What was configured elsewhere (the checkout has moved) begins anew.
  [[ $made == "$root "* ]] || fresh=(--fresh) todo=1
  for option in "$@"; do [[ "$made " == *" $option "* ]] || todo=1; done
  [[ -n $todo ]] || return 0
  [[ ! -d $boost_unpacked ]] || boost=("-DBOOST_ROOT=$boost_unpacked")
  say "configuring $preset"
  attempt "configuring $preset" cmake -S "$root" --preset "$preset" "${fresh[@]}" "${boost[@]}" "$@" || return
  printf '%s\n' "$root $* " >"$stamp"
}

# build PRESET [TARGETS…]
build() {
  # ccache needs a directory that it can write; without a home, that is ours.
  local cache=${CCACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/ccache}
  { mkdir -p "$cache" && [[ -w $cache ]]; } 2>/dev/null || cache=$root/build/ccache
  local -x CCACHE_DIR=$cache
  local line said=''
  # Says that it builds only when there is something to build.
  ninja -C "$root/build/$1" "${@:2}" | while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in
      'ninja: Entering'* | 'ninja: no work'* | *'Re-checking globbed'*) continue ;;
    esac
    [[ -n $said ]] || say "building $1" 2>&3
    said=1
  done
}

# --- testing --------------------------------------------------------------------------------------------------------

# run_ctest PRESET [OPTIONS…]
run_ctest() {
  local without=()
  [[ -n ${BUILDSPEC_RUN_TEST_IMAGE:-} ]] || without=(-LE '^engine_tests$')
  rm -f "$root/build/$1/Testing/Temporary/LastTestsFailed.log"
  ctest --test-dir "$root/build/$1" --output-on-failure --no-label-summary -j "$(nproc)" "${without[@]}" "${@:2}" \
    </dev/null 3>&- 9>&-
}

# failed_tests PRESET: which tests failed, and the end of what each said.
failed_tests() {
  local results=$root/build/$1/Testing/Temporary name
  [[ -s $results/LastTestsFailed.log ]] || return 0
  while IFS=: read -r _ name; do
    say "failed in $1: $name"
    awk -v name="$name" '/^[0-9]+\/[0-9]+ Testing: / { of_it = substr($0, index($0, " Testing: ") + 10) == name } of_it' \
      "$results/LastTest.log" | tail -n 40 >&2
  done <"$results/LastTestsFailed.log"
}

# CMake writes a line here for each test that it leaves out: which, and what is missing.
left_out() {
  local line
  while IFS= read -r line; do say "left out: $line"; done <"$root/build/release/left-out.txt"
}
left_out_without_engine() {
  left_out
  [[ -n ${BUILDSPEC_RUN_TEST_IMAGE:-} ]] || say 'left out: engine_tests, samples with docker (test --all starts a container engine)'
}

# The container engine of the tests: one that answers, or a dockerd of ours, which ends with us.
start_engine() {
  local engine=$root/tests/support/engine.sh settings=$root/build/engine.env
  trap '"$root/tests/support/engine.sh" stop "$root/build/engine" >>"$log" 2>&1 || say "the container engine was not ended"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # By a file: what is started would hold the pipe of a command substitution.
  "$engine" start "$root/build/engine" >"$settings" 2>>"$log" || return
  # shellcheck source=/dev/null
  . "$settings"
}

sources() { find "$root/runner" "$root/actions" "$root/tests" "$@" -print0; }

check_style() {
  sources -name '*.h' -o -name '*.cpp' | xargs -0 clang-format-14 --dry-run -Werror &&
    shellcheck "$root/bootstrap.sh" "$root/.ci/run" "$root"/tests/support/bin/* && sources -name '*.sh' | xargs -0 -r shellcheck
}

# Tests that wait a whole minute, as time-outs are given in minutes, do so in release only.
a_minute='S3_6_TimeoutMinutes|S3_5_TimeoutOfAComposite'

# In the build of the fuzz targets, which has the same sanitizers: one build less.
check_asan() { build fuzz && run_ctest fuzz -E "$a_minute"; }

# Two groups are not for tsan and run in release and asan: those without room for a file, because tsan's own runtime writes
# before main, and the 100 MB lines, which ask for memory, not threads, and take minutes under it.
check_tsan() { build tsan && run_ctest tsan -E "WithoutRoom|LongLine|$a_minute"; }

# Each target for 20 seconds, from its seeds on. What it finds on the way stays in the build directory.
check_fuzz() {
  cd "$root/build/fuzz/tests/fuzz" || return
  # shellcheck disable=SC2016  # the inner shell expands
  printf '%s\0' *_fuzz | xargs -0 -P 2 -I NAME bash -c '
    mkdir -p "found/$1" &&
      "./$1" -max_total_time=20 -timeout=10 -rss_limit_mb=2048 -artifact_prefix="found/$1-" "found/$1" "$2/tests/fuzz/corpus/$1" \
        >"$1.log" 2>&1 || { status=$?; tail -n 40 "$1.log"; exit "$status"; }' fuzz NAME "$root"
}

# With clang's own build, whose precompiled headers it can read.
check_tidy() {
  run-clang-tidy-14 -quiet -p "$root/build/fuzz" "^$root/(runner|actions)/" | sed '/^clang-tidy-14 /d; /warnings generated/d' | cat -s
}

# stage NAME COMMAND…: a part of the full check. When it fails, the others are still run.
failed=''
stage() {
  local name=$1 begun=$SECONDS
  shift
  attempt "$name" "$@" || failed+=" $name"
  say "$name: $((SECONDS - begun)) s"
}

# Everything. The tests of the release build come last, and ctest has the last word, unless something failed before.
test_all() {
  local preset output=$root/build/ctest.out
  lines_shown=100
  ((EUID == 0)) || say 'you are not root: some tests will be skipped, and the check will fail for it'
  attempt "bundling the tests' own actions" "$root/tests/toolkit/bundle.sh" "$root/build/toolkit" || exit 3
  attempt "installing GitHub's evaluator of expressions" "$root/tests/expressions_oracle/install.sh" "$root/build/expressions_oracle" || exit 3
  attempt 'installing the AWS emulator' "$root/tests/aws/install.sh" "$root/build/aws" || exit 3
  for preset in release tsan fuzz; do
    configure "$preset" -DBUILDSPEC_RUN_WERROR=ON -DBUILD_TESTING=ON || exit 3
  done
  # What cannot be tried here is not known to work; better said now than after half an hour.
  [[ ! -s $root/build/release/left-out.txt ]] || { left_out; failed+=' skipped-tests'; }
  stage style check_style
  stage release build release
  [[ $failed != *' release'* ]] || exit 1
  say 'starting a container engine'
  start_engine || { tail -n 20 "$log" >&2; die 'there is no container engine, and none could be started'; }
  stage asan check_asan
  stage tsan check_tsan
  stage fuzz check_fuzz
  stage tidy check_tidy
  run_ctest release | tee "$output" || failed+=' tests'
  ! grep -qE '\*\*\*(Skipped|Not Run)|\(Disabled\)' "$output" || failed+=' skipped-tests'
  [[ -n $failed ]] || return 0
  # Here again: between the stage that failed and the end there is a lot of output.
  for preset in fuzz tsan release; do failed_tests "$preset"; done
  say "failed:$failed"
  exit 1
}

no_install=''
installed=''  # set by `need`: what CMake has looked for in vain may now be there
while [[ ${1:-} == --no-install ]]; do no_install=1; shift; done
command=${1:-}
(($# == 0)) || shift
while [[ ${1:-} == --no-install ]]; do no_install=1; shift; done

case "$command $*" in
  'run '* | 'build ' | 'test ' | 'test --quick' | 'test --all') ;;
  '-h ' | '--help ') usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

mkdir -p "$root/build"
exec 3>&2  # where to speak, for those whose own stderr is the log
exec 9>"$root/build/bootstrap.lock"
flock 9  # only one of us builds at a time
: >"$log"

case $command in
  run | build)
    need "$needs_to_build"
    # Without the tests, and what they need; where they have been configured, they stay so.
    [[ -e $root/build/release/.configured ]] && tests=() || tests=(-DBUILD_TESTING=OFF)
    configure release "${tests[@]}" || exit 3
    attempt 'the build' build release runner/all || exit 3
    exec 3>&- 9>&-
    [[ $command == build ]] || exec "$root/build/release/bin/buildspec-run" "$@"
    ;;
  test)
    if [[ $* == --all ]]; then
      engine=''
      timeout 20 docker version >/dev/null 2>&1 || engine=$needs_without_engine
      need "$needs_to_build$needs_to_test$needs_to_test_all$engine"
      test_all
    else
      need "$needs_to_build$needs_to_test"
      configure release -DBUILD_TESTING=ON || exit 3
      attempt 'the build' build release || exit 3
      left_out_without_engine
      if [[ $* == --quick ]]; then run_ctest release -L '^(unit_tests|corpus_tests|layering)$'; else run_ctest release; fi
    fi
    ;;
esac
