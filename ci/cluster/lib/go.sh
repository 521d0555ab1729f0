# shellcheck shell=bash
# Programs from Go modules.

# The folder of a module's source, downloaded if it has to be.
module_source() { # module_source MODULE VERSION
    command -v go >/dev/null || fail "go is not on PATH" "install Go 1.24 or later; it builds $1"
    local answer
    answer=$(go mod download -json "$1@$2") || {
        python3 -c 'import json, sys; print(json.load(sys.stdin).get("Error"))' <<<"$answer" >&2
        fail "there is no $1 $2" "see which releases Go's module proxy has: go list -m -versions $1"
    }
    python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])' <<<"$answer"
}

# Builds programs of a module into OUT, in the folder OUT/source, which the caller may have put files in.
go_programs() { # go_programs OUT MODULE VERSION LINKER_FLAGS PACKAGE... [-- PATH=VERSION...]
    local out=$1 module=$2 version=$3 flags=$4 source packages=()
    shift 4
    while [ $# -gt 0 ] && [ "$1" != -- ]; do packages+=("$1") && shift; done
    [ $# -eq 0 ] || shift
    source=$(module_source "$module" "$version")
    mkdir -p "$out/source"
    python3 "$CLUSTER/lib/outside.py" "$source/go.mod" "$module" "$version" "$@" >"$out/source/go.mod"
    install -m 644 "$source/go.sum" "$out/source/go.sum"
    (cd "$out/source" && GOWORK=off GOFLAGS="-mod=mod -trimpath -buildvcs=false" CGO_ENABLED=0 \
        go build -o "$out/" -ldflags "-s -w $flags" "${packages[@]}")
    rm -rf "$out/source"
}

kubernetes_flags() { # kubernetes_flags VERSION: the linker's flags by which Kubernetes' programs know their version
    local minor flags="" package
    IFS=. read -r _ minor _ <<<"$1"
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=v$1 -X $package.gitMajor=1 -X $package.gitMinor=$minor"
        flags+=" -X $package.gitTreeState=clean -X $package.gitCommit="
    done
    echo "$flags"
}
