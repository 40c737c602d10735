#!/usr/bin/env bash
# Builds a bare system in the empty folder DIR: tree/ (what a fresh Raspberry Pi OS Lite has), debs/ (an apt source with
# what a test may install, as tree/srv/debs too), key. Needs root.
# Usage: build-bare.sh DIR DEBS SUITE       DEBS keeps downloaded Debian packages for the next build
#   MIRROR   where Debian is
set -euo pipefail
if [ -z "${LAB_IN_NAMESPACE:-}" ]; then
    # what is mounted here is gone when this ends, however it ends
    LAB_IN_NAMESPACE=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "$1" && pwd)
debs=$(mkdir -p "$2" && cd "$2" && pwd)
suite=$3
tree=$dir/tree
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

# of Raspberry Pi OS Lite, what matters to a package: no nginx, numpy, Pillow or Picamera2
system=systemd,systemd-sysv,systemd-timesyncd,udev,dbus,libpam-systemd,kmod,iproute2,procps,openssh-server,sudo
system+=,ca-certificates,curl,python3
# what the package of the project depends on or recommends, and what tests install beside it
installable=(adduser nginx-light openssl python3-idna python3-jinja2 python3-numpy python3-pil)

step() { echo "lab: $*" >&2; }

step "Debian's packages"
mkdir -p "$tree/etc/dpkg/dpkg.cfg.d" "$tree/etc/systemd/network" "$tree/etc/sudoers.d"
cp "$here/files/etc/dpkg/dpkg.cfg.d/lab" "$tree/etc/dpkg/dpkg.cfg.d/"
cp "$here/files/etc/systemd/network/10-container.network" "$tree/etc/systemd/network/"
cp "$here/files/etc/sudoers.d/010_pi-nopasswd" "$tree/etc/sudoers.d/"
chown -R 0:0 "$tree"
debootstrap --variant=minbase --cache-dir="$debs" --include="$system" "$suite" "$tree" \
    "${MIRROR:-http://deb.debian.org/debian}"
rm -f "$tree"/var/cache/apt/archives/*.deb
echo force-unsafe-io >"$tree/etc/dpkg/dpkg.cfg.d/lab" # packages that are installed later have documentation, as on a Pi

step "the apt source"
mount -t proc proc "$tree/proc"
mount -t sysfs sysfs "$tree/sys"
mount --bind "$debs" "$tree/var/cache/apt/archives"
inside=(chroot "$tree" env -i PATH=/usr/sbin:/usr/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive)
for name in http_proxy https_proxy no_proxy; do
    [ -z "${!name:-}" ] || inside+=("$name=${!name}")
done
"${inside[@]}" apt-get --quiet update
"${inside[@]}" apt-get --quiet --yes --download-only install "${installable[@]}"
mkdir "$dir/debs"
{
    # shellcheck disable=SC2016 # fields of dpkg-query
    "${inside[@]}" dpkg-query --show --showformat '${Package}_${Version}_${Architecture}.deb\n'
    "${inside[@]}" apt-get --quiet --simulate install "${installable[@]}" |
        sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*\[\([a-z0-9]*\)\].*/\1_\2_\3.deb/p'
} | sed 's/:/%3a/' | while read -r deb; do
    name=${deb/_*%3a/_} # without the epoch
    cp --link "$debs/$deb" "$dir/debs/$name" 2>/dev/null || cp "$debs/$deb" "$dir/debs/$name"
    size=$(stat --format %s "$debs/$deb") sum=$(sha256sum "$debs/$deb")
    dpkg-deb --field "$debs/$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$name" "$size" "${sum%% *}"
done >"$dir/debs/Packages"
umount "$tree/var/cache/apt/archives"
rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*.bin "$tree"/etc/apt/sources.list
cp -r --link "$dir/debs" "$tree/srv/debs" 2>/dev/null || cp -r "$dir/debs" "$tree/srv/debs"
echo 'deb [trusted=yes] file:/srv/debs ./' >"$tree/etc/apt/sources.list.d/lab.list"
"${inside[@]}" apt-get --quiet update

step "settings, users"
ssh-keygen -q -t ed25519 -N '' -C lab -f "$dir/key"
cp "$dir/key.pub" "$tree/tmp/"
"${inside[@]}" sh -eu <<'SETUP'
echo lab >/etc/hostname
echo '127.0.0.1 localhost lab' >/etc/hosts
: >/etc/fstab
: >/etc/resolv.conf # there is nothing to ask
: >/etc/machine-id  # each boot of a fresh copy makes its own
useradd --create-home --shell /bin/bash --groups adm,sudo,video pi
for home in /root /home/pi; do
    install -d -m 700 "$home/.ssh"
    install -m 600 /tmp/key.pub "$home/.ssh/authorized_keys"
done
chown -R pi:pi /home/pi
chmod 440 /etc/sudoers.d/*
rm /tmp/key.pub
systemctl enable --quiet systemd-networkd ssh
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    ldconfig.service systemd-hwdb-update.service systemd-networkd-wait-online.service systemd-timesyncd.service
touch /etc/.updated /var/.updated
SETUP
umount "$tree/proc" "$tree/sys"
du -sh "$dir" >&2
