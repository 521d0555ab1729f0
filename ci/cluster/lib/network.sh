# shellcheck shell=bash
# The cluster's addresses, and what it puts on the host's network.

# All of the cluster's outward addresses are on a bridge that nothing is attached to: the node's own address, the same on
# every machine, and those that load balancers get. (They are of 198.18.0.0/15, which is set aside for such tests.)
# shellcheck disable=SC2034
{
    BRIDGE=meshproof
    NODE_ADDRESS=198.18.0.1
    OUTWARD=198.18.0.0/24
    PODS=10.244.0.0/16
    SERVICE_RANGE=10.96.0.0/16
    API_ADDRESS=10.96.0.1      # the first of SERVICE_RANGE: the service `kubernetes`
    DNS_ADDRESS=10.96.0.10
    API_SERVER=https://127.0.0.1:6443
    REGISTRY=127.0.0.1:5000
}

need_free_ports() {
    local port what taken=()
    while read -r port what; do
        [ -z "$(ss -Hltn "sport = :$port")" ] ||
            taken+=("$port ($what), by $(ss -Hltnp "sport = :$port" | grep -oE 'users:.*' | head -n 1)")
    done <<'PORTS'
2379 etcd
2380 etcd
5000 the registry
6443 the API server
10248 kubelet
10249 kube-proxy
10250 kubelet
10256 kube-proxy
10257 the controller manager
10259 the scheduler
PORTS
    [ ${#taken[@]} -eq 0 ] || fail "ports that the cluster needs are taken:" "$(printf '%s\n' "${taken[@]}" | sed '2,$s/^/    /')"
}

make_network() {
    sysctl -qw net.ipv4.ip_forward=1
    ip link add "$BRIDGE" type bridge
    ip address add "$NODE_ADDRESS/${OUTWARD#*/}" dev "$BRIDGE"
    ip link set "$BRIDGE" up
}

remove_network() {
    ip link delete "$BRIDGE" 2>/dev/null || true
    local tool table
    for tool in iptables ip6tables; do
        command -v "$tool" >/dev/null || continue
        for table in filter nat mangle; do forget_rules "$tool" "$table"; done
    done
}

# Takes away the chains of Kubernetes and of its network plugins, and the rules that lead to them, and no others.
forget_rules() { # forget_rules TOOL TABLE
    "$1-save" -t "$2" 2>/dev/null | awk -v table="$2" '
        /^:(KUBE|CNI)-/ { chain = substr($1, 2); flush = flush ":" chain " - [0:0]\n"; remove = remove "-X " chain "\n" }
        /^-A/ && !/^-A (KUBE|CNI)-/ && / -[jg] (KUBE|CNI)-/ { sub(/^-A/, "-D"); unlink = unlink $0 "\n" }
        END { if (flush) printf "*%s\n%s%s%sCOMMIT\n", table, flush, unlink, remove }' | "$1-restore" --noflush || true
}
