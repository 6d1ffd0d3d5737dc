#!/usr/bin/env bash
# A container engine for the tests.
#
#   engine.sh start DIRECTORY   prints shell assignments for `eval`; what it says to people goes to stderr
#   engine.sh stop DIRECTORY    ends all that `start` has begun, and removes DIRECTORY
#
# An engine that answers is used as it is. Where none does, Debian's dockerd is started with everything of its own below
# DIRECTORY, without a bridge and without iptables, so that it needs no more of the machine than root; containers that talk
# to one another use `--network host`. Beside it a registry on loopback, so that there is something to pull from. The base
# image is made of busybox: nothing comes from elsewhere.
set -euo pipefail

base=buildspec-run-test/busybox:1
command=${1:-} directory=${2:-}
[[ -n $directory ]] || { sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)

sudo=()
((EUID == 0)) || sudo=(sudo -n)

die() { printf 'engine: %s\n' "$*" >&2; exit 3; }

# is_ours NAME: prints the number of the process whose pid file this is, if it still is that process.
is_ours() {
  local pid=''
  [[ -r $directory/$1.pid ]] && pid=$(<"$directory/$1.pid") && [[ -n $pid ]] || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$directory" && echo "$pid"
}

# await NAME COMMAND…: until the command succeeds, for at most 30 seconds, as long as NAME lives.
await() {
  local name=$1 turn
  shift
  for ((turn = 0; turn < 300; ++turn)); do
    "$@" >/dev/null 2>&1 && return
    ((turn < 10)) || is_ours "$name" >/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$directory/$name.log" >&2 || true
  die "$name does not answer"
}

start_dockerd() {
  command -v dockerd >/dev/null || PATH=$PATH:/usr/sbin:/sbin
  command -v dockerd >/dev/null || die 'no engine answers, and dockerd is not here to be started (Debian: docker.io)'
  # The socket's name may have 107 bytes; that of a build directory may be longer.
  local sockets
  sockets=$(mktemp -d /tmp/buildspec-run-engine-XXXXXX)
  chmod 755 "$sockets"
  echo "$sockets" >"$directory/sockets"
  "${sudo[@]}" setsid dockerd --data-root "$directory/data" --exec-root "$sockets/exec" --pidfile "$directory/dockerd.pid" \
    --host "unix://$sockets/docker.sock" --group "$(id -gn)" --bridge none --iptables=false --ip6tables=false \
    --log-level warn >"$directory/dockerd.log" 2>&1 </dev/null 3>&- 9>&- &
  export DOCKER_HOST=unix://$sockets/docker.sock
  # BuildKit gives a build the network that is not there; and it is a plugin that may be missing.
  export DOCKER_BUILDKIT=0
  await dockerd docker version
  printf 'export DOCKER_HOST=%q DOCKER_BUILDKIT=0\n' "$DOCKER_HOST"
}

start_registry() {
  local registry
  registry=$(command -v docker-registry) || return 0
  cat >"$directory/registry.yml" <<END
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: "$directory/registry"}}
http: {addr: "127.0.0.1:0"}
END
  setsid "$registry" serve "$directory/registry.yml" >"$directory/registry.log" 2>&1 </dev/null 3>&- 9>&- &
  echo $! >"$directory/registry.pid"
  await registry grep -q 'listening on 127' "$directory/registry.log"
  registry=$(sed -n 's/.*listening on \(127[0-9.]*:[0-9]*\).*/\1/p' "$directory/registry.log" | head -n 1)
  docker tag "$base" "$registry/busybox:1" >&2
  docker push "$registry/busybox:1" >"$directory/push.log" 2>&1 || { cat "$directory/push.log" >&2; return 1; }
  docker image rm "$registry/busybox:1" >/dev/null
  printf 'export BUILDSPEC_RUN_TEST_REGISTRY=%q\n' "$registry"
}

make_base_image() {
  local busybox root=$directory/root applet
  busybox=$(command -v busybox) || die 'busybox is not here (Debian: busybox-static)'
  rm -rf "$root"
  mkdir -p "$root/bin" "$root/tmp" "$root/etc"
  cp "$busybox" "$root/bin/busybox"
  for applet in $("$busybox" --list); do
    [[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
  done
  echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
  chmod 1777 "$root/tmp"
  : >"$directory/image"
  tar -C "$root" --owner 0 --group 0 -c . |
    docker import --change 'ENV PATH=/bin' --change 'CMD ["sh"]' - "$base" >/dev/null
}

end() {
  local pid turn
  pid=$(is_ours "$1") || return 0
  "${sudo[@]}" kill "$pid" 2>/dev/null || true
  for ((turn = 0; turn < 200; ++turn)); do
    [[ -d /proc/$pid ]] || return 0
    sleep 0.1
  done
  "${sudo[@]}" kill -KILL "$pid" 2>/dev/null || true
}

stop() {
  local sockets='' containers
  [[ -r $directory/sockets ]] && sockets=$(<"$directory/sockets")
  if [[ -n $sockets ]] && is_ours dockerd >/dev/null; then
    mapfile -t containers < <(DOCKER_HOST=unix://$sockets/docker.sock timeout 20 docker ps -aq 2>/dev/null || true)
    ((${#containers[@]} == 0)) ||
      DOCKER_HOST=unix://$sockets/docker.sock timeout 60 docker rm -f "${containers[@]}" >/dev/null 2>&1 || true
  fi
  end registry
  end dockerd
  # On an engine that was there before.
  [[ ! -e $directory/image || -n $sockets ]] || timeout 20 docker image rm "$base" >/dev/null 2>&1 || true
  local mounted
  while read -r mounted; do
    "${sudo[@]}" umount -l "$mounted" 2>/dev/null || true
  done < <(cut -d ' ' -f 2 /proc/self/mounts | grep -F -e "$directory/" ${sockets:+-e "$sockets/"} | sort -r || true)
  [[ $sockets != /tmp/buildspec-run-engine-* ]] || "${sudo[@]}" rm -rf "$sockets"
  "${sudo[@]}" rm -rf "$directory"
}

case $command in
  start)
    stop  # what an earlier run that was killed has left
    mkdir -p "$directory"
    trap '[[ $? == 0 ]] || stop' EXIT
    # No command substitution: what is started would hold its pipe.
    timeout 20 docker version >/dev/null 2>&1 || start_dockerd
    make_base_image
    start_registry
    printf 'export BUILDSPEC_RUN_TEST_IMAGE=%q\n' "$base"
    ;;
  stop) stop ;;
  *) die "neither start nor stop: $command" ;;
esac
