# shellcheck shell=bash
# Root filesystems from Debian packages.

# Makes a minimal Debian of the host's own release, with the packages and without what only fills space.
debian() { # debian FOLDER PACKAGE...
    local root=$1 mirror codename IFS=,
    shift
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        awk -v codename="$codename" '$2 == codename && $3 == "main" {print $1; exit}')
    [ -n "$mirror" ] || fail "apt has no mirror of $codename"
    debootstrap --variant=minbase --include="$*" "$codename" "$root" "$mirror"
    rm -rf "$root"/{dev,proc,sys,run,tmp,var/cache,var/lib/apt/lists,var/log,usr/share/{doc,man,locale,info}}
    mkdir "$root"/{dev,proc,sys,run,tmp,var/cache,var/log}
    chmod 1777 "$root/tmp"
}
