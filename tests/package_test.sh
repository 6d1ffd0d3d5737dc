#!/usr/bin/env bash
# The packages that cpack makes hold a program that runs, with its pages and completions.
#   usage: package_test.sh CPACK BUILD_DIRECTORY SOURCE_DIRECTORY
# With PACKAGE_TEST_ROOT=DIRECTORY, a Debian system (debootstrap --variant=minbase), each package is installed and run in
# there as well; needs root.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" --config "$2/CPackConfig.cmake" -B "$work/made" >"$work/output" 2>&1 || { cat "$work/output"; exit 1; }
for kind in tar.gz deb rpm; do
  compgen -G "$work/made/*.$kind" >/dev/null || { echo "no $kind was made"; cat "$work/output"; exit 1; }
done
mkdir "$work/tar.gz" "$work/deb" "$work/rpm"
tar -xzf "$work"/made/*.tar.gz -C "$work/tar.gz" --strip-components=1
dpkg-deb -x "$work"/made/*.deb "$work/deb"
rpm2archive - <"$(compgen -G "$work/made/*.rpm")" | tar -xz -C "$work/rpm"

cp -R "$3/samples/hello" "$work/hello"
for kind in tar.gz deb rpm; do
  prefix=$work/$kind
  [[ $kind == tar.gz && -d $prefix/bin ]] || prefix+=/usr
  for file in libexec/buildspec-run/buildspec-run-supervisor share/man/man1/buildspec-run.1 share/man/man1/buildspec-run-run.1 \
    share/bash-completion/completions/buildspec-run share/zsh/vendor-completions/_buildspec-run \
    share/fish/vendor_completions.d/buildspec-run.fish share/buildspec-run/schema/event.schema.json share/doc/buildspec-run/LICENSE; do
    [[ -s $prefix/$file ]] || { echo "$kind: no $file"; find "$prefix"; exit 1; }
  done
  (cd "$work/hello" && env -i PATH="$PATH" HOME="$work" "$prefix/bin/buildspec-run" -q) >"$work/output" 2>&1 ||
    { echo "$kind:"; cat "$work/output"; exit 1; }
done
dpkg-deb -f "$work"/made/*.deb Depends | grep -q 'libgit2-.*libyaml' || { echo 'the deb does not say what it depends on'; exit 1; }
# Everything in a manual page is text of ours: groff has nothing to say about it.
if command -v groff >/dev/null; then
  for page in "$work"/deb/usr/share/man/man1/*.1; do
    complaints=$(groff -k -Kutf8 -man -Tutf8 -ww "$page" 2>&1 >/dev/null)
    [[ -z $complaints ]] || { printf '%s:\n%s\n' "$page" "$complaints"; exit 1; }
  done
fi

[[ -n ${PACKAGE_TEST_ROOT:-} ]] || exit 0
root=$PACKAGE_TEST_ROOT/root
rm -rf "$root/packages" && mkdir -p "$root/packages"
cp "$work"/made/* "$root/packages/" 2>/dev/null || cp "$work"/made/*.{tar.gz,deb,rpm} "$root/packages/"
cp -R "$3/samples/hello" "$root/packages/"
# shellcheck disable=SC2016  # the inner shell expands
chroot "$PACKAGE_TEST_ROOT" bash -euc '
  cd /root/packages
  run() { (cd hello && env -i PATH=/usr/bin:/bin HOME=/root "$1" -q) && echo "ran: $2"; }
  apt-get -q update >/dev/null
  apt-get install -y -q --no-install-recommends ./*.deb >/dev/null
  run /usr/bin/buildspec-run deb
  mkdir tar && tar -xzf ./*.tar.gz -C tar --strip-components=1
  program=$(find "$PWD/tar" -path "*/bin/buildspec-run")
  dpkg --purge buildspec-run >/dev/null  # its libraries stay
  ! command -v buildspec-run
  run "$program" tar.gz
  apt-get install -y -q --no-install-recommends rpm >/dev/null
  rpm --install --nodeps ./*.rpm
  run /usr/bin/buildspec-run rpm
  rpm --erase --nodeps buildspec-run
  ! command -v buildspec-run'
