# shellcheck shell=bash
# Sourced first by every command: where things are kept, and how a command speaks to whoever ran it.
set -euo pipefail
shopt -s inherit_errexit

# Each of these is used by the files that source this one.
# shellcheck disable=SC2034
{
    CLUSTER=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    CACHE=${MESHPROOF_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshproof-cluster}
    STATE=$CACHE/state            # the running cluster: made by `up`, removed by `down`
    RUN=/run/meshproof-cluster    # sockets and mounts, whose paths have to be short
    CONTAINERD=$RUN/containerd.sock
}
COMMAND=$(basename "$0")

say() { echo "$COMMAND: $*" >&2; }

fail() { # fail MESSAGE [WAY OUT]
    echo "$COMMAND: $1" >&2
    [ $# -lt 2 ] || echo "    $2" >&2
    exit 1
}

usage() { # usage TEXT: for a command line that makes no sense
    echo "usage: $1" >&2
    exit 2
}

need_root() { [ "$(id -u)" = 0 ] || fail "has to be run as root" "it makes network namespaces, mounts and firewall rules"; }

# Some hosts, such as small virtual machines for CI, withhold CAP_SYS_RESOURCE (the 24th) even from root.
confined() { (((16#$(awk '/^CapEff/ {print $2}' /proc/self/status) >> 24 & 1) == 0)); }

need_cluster() { [ -f "$STATE/env" ] || fail "no cluster is up" "start one: $CLUSTER/up KUBERNETES [ISTIO]"; }

# Held until the command ends. Whatever it starts in the background has to close descriptor 9, or holds it on.
hold_lock() { # hold_lock NAME
    mkdir -p "$CACHE"
    exec 9>"$CACHE/$1.lock"
    flock -n 9 && return
    say "waiting for another command that holds $CACHE/$1.lock"
    flock 9
}

# Installs what is missing of the Debian packages whose programs have to be on the host itself.
need_packages() { # need_packages PACKAGE...
    local package missing=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    mkdir -p "$CACHE/log"
    {
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
    } >"$CACHE/log/packages" 2>&1 9>&- || {
        tail -n 5 "$CACHE/log/packages" >&2
        fail "could not install ${missing[*]}" "everything apt said: $CACHE/log/packages"
    }
}
