#!/usr/bin/env bash
# Makes a base image with Debian's own Python where no registry can be reached: debootstrap needs a Debian mirror alone.
#
#   images/base-from-debian.sh [NAME]        NAME is localhost/python:3.11 when it is not given
#
# Run as root. ENGINE is buildah, podman or docker (default: buildah); SUITE is bookworm, whose Python is 3.11;
# DEBIAN_MIRROR is the mirror, which may be one of snapshot.debian.org.
set -euo pipefail

name=${1:-localhost/python:3.11}
engine=${ENGINE:-buildah}
suite=${SUITE:-bookworm}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$suite" "$work/root" "$mirror"
# What the slim images leave out as well: packages that were loaded, their lists, and what people alone read.
rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/{man,info,locale} \
    "$work"/root/var/log/* "$work"/root/var/cache/debconf/*-old "$work"/root/var/cache/ldconfig
find "$work/root/usr/share/doc" -type f ! -name copyright -delete
printf 'path-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n' \
    > "$work/root/etc/dpkg/dpkg.cfg.d/slim"

# Times stay as they are: the byte code of the standard library names those of its sources.
tar --create --file "$work/root.tar" --directory "$work/root" --sort=name --numeric-owner --exclude='./dev/*' .
if [ "$engine" = buildah ]; then
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/root.tar" / > /dev/null
    buildah config --cmd python3 "$container"
    buildah commit --quiet --rm "$container" "$name" > /dev/null
else
    "$engine" import --change 'CMD ["python3"]' "$work/root.tar" "$name" > /dev/null
fi
echo "$name"
