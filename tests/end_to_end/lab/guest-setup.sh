#!/bin/sh
# Runs in the tree (chroot) while it is built: what a Raspberry Pi has before the first rollout.
set -eu

echo lab >/etc/hostname
echo '127.0.0.1 localhost lab' >/etc/hosts
: >/etc/fstab       # the kernel's command line names the disk; a container has none
: >/etc/resolv.conf # there is nobody to ask
: >/etc/machine-id  # each boot of a fresh copy makes its own

# Everybody comes in by key, as on a Pi that Raspberry Pi Imager has prepared.
useradd --create-home --shell /bin/bash --groups adm,sudo,video pi
for home in /root /home/pi; do
    install -d -m 700 "$home/.ssh"
    install -m 600 /tmp/build/key.pub "$home/.ssh/authorized_keys"
done
chown -R pi:pi /home/pi
chmod 440 /etc/sudoers.d/*

# Picamera2 from PyPI on Debian's libcamera; on a Pi the system's Python has all this from apt.
python3 -m venv --system-site-packages /opt/picam
/opt/picam/bin/pip install --quiet --no-index --no-deps --find-links /tmp/build/wheels picamera2 videodev2 simplejpeg
cp -r /tmp/build/stubs/* /opt/picam/lib/python3*/site-packages/
/opt/picam/bin/python -c 'import picamera2, simplejpeg'
if python3 -c 'import aiohttp' 2>/dev/null || python3 -c 'import jinja2' 2>/dev/null; then
    echo "a package has brought aiohttp or jinja2: the rollout could not be seen to bring them" >&2
    exit 1
fi

mkdir -p /var/log/journal # the log of a boot can be read after the next
systemctl enable --quiet systemd-networkd ssh nginx
# a quicker boot where the processor is emulated
mkdir -p /etc/systemd/system-generators
ln -s /dev/null /etc/systemd/system-generators/systemd-ssh-generator
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    ldconfig.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
    systemd-binfmt.service systemd-hwdb-update.service systemd-network-generator.service \
    systemd-networkd-wait-online.service systemd-pstore.service systemd-tpm2-setup-early.service \
    systemd-tpm2-setup.service
touch /etc/.updated /var/.updated
