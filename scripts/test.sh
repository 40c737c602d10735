#!/usr/bin/env bash
# Installs the test tools and runs every check: format, lint, types, layers, tests, real browsers.
# Usage: scripts/test.sh [--lab] [PYTEST ARGUMENT...]
#   no argument          all tests except the camera lab and the soak tests, in parallel
#   --lab                the camera lab, too, which boots machines: see tests/end_to_end/lab/README.md
#   PYTEST ARGUMENT...   for pytest; they win over those given here:
#     tests/web -n0        only these tests, in one process
#     -m "not slow"        without the tests that take longer than 10 s on purpose
#     -m soak              only the soak tests, which run for hours and start only this way
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

make_venv "[dev]"
# for tests/support/fake_libcamera, beside the environment: the server itself must not find it there
[ -d .venv/picamera2 ] || pip_install .venv/bin/python --no-deps \
    --target .venv/picamera2 picamera2==0.3.38 piexif==1.1.3 videodev2==0.0.4
# a C compiler for tests/support/v4l2_device
{ command -v cc >/dev/null && [ -e /usr/include/linux/videodev2.h ]; } || apt_install gcc libc6-dev
for tool in chromium curl ffmpeg mandoc openssl shellcheck; do
    command -v "$tool" >/dev/null || apt_install "$tool"
done
# real clients for tests/end_to_end; where one cannot be installed, its tests are skipped and say so;
# without OctoPrint the run fails, because a promise of the older programs is proven with it
command -v cvlc >/dev/null || (apt_install vlc-bin vlc-plugin-base) || true
command -v wget >/dev/null || (apt_install wget) || true
command -v zsh >/dev/null || (apt_install zsh) || true
command -v exiftool >/dev/null || (apt_install libimage-exiftool-perl) || true
command -v mpv >/dev/null || (apt_install mpv) || true
command -v gst-launch-1.0 >/dev/null || (apt_install gstreamer1.0-tools gstreamer1.0-plugins-good) || true
command -v firefox-esr >/dev/null || command -v firefox >/dev/null || (apt_install firefox-esr) || true
command -v WebKitWebDriver >/dev/null || (apt_install webkit2gtk-driver) || true
command -v Xvfb >/dev/null || (apt_install xvfb) || true
# in an environment of their own: the needs of a client must not decide which versions the server gets
clients=.venv/clients
[ -x $clients/bin/python ] || .venv/bin/python -m venv $clients
for pair in cv2:opencv-python-headless==5.0.0.93 requests:requests octoprint:octoprint==1.11.8; do
    compgen -G "$clients/lib/python*/site-packages/${pair%%:*}" >/dev/null ||
        pip_install $clients/bin/python "${pair#*:}" || true
done
command -v systemd-analyze >/dev/null || apt_install systemd
# for the Debian packages
for pair in dpkg-buildpackage:dpkg-dev dh:debhelper lintian:lintian aarch64-linux-gnu-strip:binutils-aarch64-linux-gnu; do
    command -v "${pair%:*}" >/dev/null || apt_install "${pair#*:}"
done

install_idle() { # PACKAGE SERVICE: installs it for the tests, and leaves its service off
    local policy=/usr/sbin/policy-rc.d status=0
    local -a root=()
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    if [ -e "$policy" ] ||
        ! "${root[@]}" install -m 755 /dev/stdin "$policy" <<<$'#!/bin/sh\nexit 101' 2>/dev/null; then
        policy= # not ours to remove
    fi
    (apt_install "$1") || status=$?
    [ -z "$policy" ] || "${root[@]}" rm "$policy"
    [ "$status" = 0 ] || exit "$status"
    "${root[@]}" systemctl disable --quiet "$2" 2>/dev/null || true
}
for pair in nginx:nginx-light haproxy:haproxy; do
    [ -n "$(PATH=$PATH:/usr/sbin command -v "${pair%:*}")" ] || install_idle "${pair#*:}" "${pair%:*}"
done
command -v caddy >/dev/null || (install_idle caddy caddy) || true
command -v motion >/dev/null || (install_idle motion motion) || true
if [ "${1:-}" = --lab ]; then
    # where these cannot be installed, the tests of the lab are skipped and say what is missing
    for pair in debootstrap:debootstrap ip:iproute2 mke2fs:e2fsprogs qemu-img:qemu-utils \
        qemu-system-x86_64:qemu-system-x86 ssh:openssh-client systemd-nspawn:systemd-container; do
        [ -n "$(PATH=$PATH:/usr/sbin:/sbin command -v "${pair%:*}")" ] || (apt_install "${pair#*:}") || true
    done
fi
# the program that drives the browser is built against it
.venv/bin/python -m playwright --version >/dev/null 2>&1 || apt_install libatomic1

.venv/bin/ruff format --check .
.venv/bin/ruff check .
shellcheck -x scripts/*.sh systemd/*.sh debian/*.{preinst,postinst,prerm,postrm} tests/end_to_end/lab/*.sh .ci/run
.venv/bin/mypy
layers=$(.venv/bin/lint-imports --no-cache --no-logo) || { echo "$layers" && exit 1; }

# thousands of processes of the tests would each compile the program, where an environment turns bytecode off
export PYTHONDONTWRITEBYTECODE='' PYTHONPYCACHEPREFIX="$PWD/.venv/pycache"

# many tests wait for time to pass: one process more than processors
parallel=(.venv/bin/pytest --numprocesses $(($(nproc) + 1)) --dist loadfile)

run_twice() { # PYTEST ARGUMENT...: run tests in parallel, and up to five that have failed once more, alone
    local failed=.pytest_cache/v/cache/lastfailed
    rm -f $failed
    # a test that hangs, and those that hang after it, must leave time to print where
    "${parallel[@]}" -o timeout_func_only=false --maxfail 6 "$@" && return
    [ -e $failed ] && [ "$(.venv/bin/python -c "import json; print(len(json.load(open('$failed'))))")" -lt 6 ] || return 1
    echo "Running the tests that failed once more, alone. One that passes now depends on the load: mend it." >&2
    .venv/bin/pytest --last-failed --last-failed-no-failures none "$@" --numprocesses 0
}
if [ "$*" = --lab ]; then
    run_twice --ignore tests/end_to_end/lab --timeout 400
    # its machines wait for each other's processor less than for time to pass
    run_twice --lab tests/end_to_end/lab --numprocesses 3 --timeout 1800
    exit
fi
"${parallel[@]}" "$@"
