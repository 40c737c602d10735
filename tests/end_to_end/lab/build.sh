#!/usr/bin/env bash
# Builds the lab in the empty folder DIR: tree/ (a Debian system), kernel, initrd, disk.raw, key, frames/. Needs root.
# Usage: build.sh DIR DEBS       DEBS keeps downloaded Debian packages for the next build
#   MIRROR   where Debian is     PYTHON   an interpreter with pip, which fetches the wheels
set -euo pipefail
if [ -z "${LAB_IN_NAMESPACE:-}" ]; then
    # what is mounted and started here is gone when this ends, however it ends
    LAB_IN_NAMESPACE=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "$1" && pwd)
debs=$(mkdir -p "$2" && cd "$2" && pwd)
tree=$dir/tree
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

step() { echo "lab: $*" >&2; }

step "Debian's packages"
mkdir "$tree"
cp -r "$here/files/." "$tree/"
chown -R 0:0 "$tree"
find "$tree" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
debootstrap --variant=minbase --cache-dir="$debs" --include="$(grep -v '^#' "$here/packages.list" | paste -sd,)" \
    trixie "$tree" "${MIRROR:-http://deb.debian.org/debian}"
rm -f "$tree"/var/cache/apt/archives/*.deb

step "Picamera2"
mkdir "$tree/tmp/build"
"${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$tree/tmp/build/wheels" \
    --only-binary=:all: --implementation cp --python-version 3.13 --abi cp313 --abi abi3 --abi none \
    --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --platform any \
    picamera2==0.3.38 videodev2==0.0.4 simplejpeg==1.9.0
cp -r "$here/stubs" "$here/guest-setup.sh" "$here/make_frames.py" "$tree/tmp/build/"

step "settings, users, kernel"
ssh-keygen -q -t ed25519 -N '' -C lab -f "$dir/key"
cp "$dir/key.pub" "$tree/tmp/build/"
mount -t proc proc "$tree/proc"
mount -t sysfs sysfs "$tree/sys"
inside=(chroot "$tree" env -i PATH=/usr/sbin:/usr/bin LC_ALL=C)
"${inside[@]}" sh /tmp/build/guest-setup.sh
"${inside[@]}" python3 /tmp/build/make_frames.py /tmp/build/frames
umount "$tree/proc" "$tree/sys"
mv "$tree/tmp/build/frames" "$dir/frames"
rm -rf "$tree/tmp/build"
cp -L "$tree/vmlinuz" "$dir/kernel"
cp -L "$tree/initrd.img" "$dir/initrd"

step "disk"
truncate -s 4G "$dir/disk.raw"
mke2fs -q -t ext4 -E root_owner=0:0 -L root -d "$tree" "$dir/disk.raw"
du -sh "$dir" >&2
