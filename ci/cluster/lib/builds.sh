# shellcheck shell=bash
# What is built and kept in the cache: which releases, and in which folders.

# shellcheck disable=SC2034
{
    COREDNS=1.12.0
    ORAS=1.1.0
    ENVOY=1.36.2

    TOOLS=$CACHE/tools                 # etcd, containerd, runc, the network plugins and the registry, from Debian
    NODE_IMAGES=$CACHE/images-node     # what every cluster has: pause, CoreDNS, and two images for tests
}
kubernetes_programs() { echo "$CACHE/kubernetes-$1"; }
istio_release() { echo "$CACHE/istio-$1"; }           # istioctl's archive, samples/, and the two programs of the images
istio_images() { echo "$CACHE/images-istio-$1"; }     # pilot/ and proxyv2/ for the registry, bookinfo/ for the node

# Makes the folder NAME of the cache, unless it is there and was made by the same RECIPE (any text). COMMAND is run with
# one more argument: an empty folder to fill, which becomes NAME only when COMMAND has succeeded.
make() { # make NAME RECIPE COMMAND...
    local name=$1 recipe=$2 made=$CACHE/$1 fresh log=$CACHE/log/$1
    shift 2
    ! made_by "$recipe" "$made" || return 0
    make_alone
    ! made_by "$recipe" "$made" || return 0 # another command made it meanwhile
    say "making $name (all output in $log)"
    mkdir -p "$CACHE/log"
    fresh=$(mktemp -d "$CACHE/unfinished.XXXXXX")
    chmod 755 "$fresh"
    local began=$SECONDS
    # Not `( ... ) || ...`: bash would then go on after a command inside that failed.
    # shellcheck disable=SC2064 # the values of now: when it runs, these variables are gone
    trap "unmade ${name@Q} ${log@Q} ${fresh@Q}" EXIT
    ("$@" "$fresh") >"$log" 2>&1
    trap - EXIT
    echo "$recipe" >"$fresh/.recipe"
    rm -rf "$made"
    mv "$fresh" "$made"
    say "made $name in $((SECONDS - began)) s"
}

made_by() { [ "$(cat "$2/.recipe" 2>/dev/null)" = "$1" ]; } # made_by RECIPE FOLDER

# From the first thing to make on, no other command builds; one that needs nothing made does not wait.
make_alone() {
    [ -z "${alone:-}" ] || return 0
    hold_lock build
    alone=yes
    rm -rf --one-file-system "$CACHE"/unfinished.* # of a build that was interrupted, perhaps with /proc mounted in it
}

unmade() { # unmade NAME LOG FRESH
    tail -n 5 "$2" >&2
    say "could not make $1 (all output in $2)"
    rm -rf --one-file-system "$3"
}

need_versions() { # need_versions COMMAND_LINE VERSION...
    local line=$1 version
    shift
    for version in "$@"; do
        [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || usage "$line; '$version' is not a version"
    done
}

content() { cat "$@" | sha256sum | cut -c1-16; } # content FILE...: changes when they do
