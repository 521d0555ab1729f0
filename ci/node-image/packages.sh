# shellcheck shell=bash
# What of Debian the node and its network's containers are made of.

node_debian() { # node_debian OUT: the archive debian.tar of the node's system
    local root=$1/root
    debian "$root" bash ca-certificates conntrack containerd containernetworking-plugins curl dbus e2fsprogs ethtool \
        iproute2 ipset iptables jq kmod libseccomp2 mount nftables procps runc socat systemd systemd-sysv util-linux
    # A node has no devices, disks or consoles of its own to look after.
    rm -f "$root"/lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* "$root"/etc/systemd/system/*.wants/* \
        "$root"/lib/systemd/system/sockets.target.wants/*{udev,initctl}* \
        "$root/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service"
    ln -s /dev/null "$root/etc/systemd/system/systemd-binfmt.service"
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/opt/cni/bin" "$root/etc/kubernetes/manifests"
    ln -s /lib/systemd/system/containerd.service /etc/systemd/system/kubelet.service \
        "$root/etc/systemd/system/multi-user.target.wants/"
    cp "$root"/usr/lib/cni/{host-local,loopback,portmap,ptp} "$root/opt/cni/bin/"
    rm -rf "$root/usr/lib/cni"
    tar -C "$root" --numeric-owner -cf "$1/debian.tar" .
    rm -rf "$root"
}

network_debian() { # network_debian OUT: the layer under the images of kube-proxy and the network
    debian "$1/root" conntrack iproute2 ipset iptables kmod
    python3 "$CLUSTER/lib/oci.py" layer "$1/layer" "$1/root"
    rm -rf "$1/root"
}
