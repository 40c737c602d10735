#!/usr/bin/env bash
# Builds Debian packages of this checkout in build/deb/: by default for two suites and two architectures.
# Usage: scripts/build-deb.sh [OPTION...]
#   --suite bookworm|trixie   only for this suite
#   --arch amd64|arm64        only for this architecture
#   --lint                    also check them with lintian of their suite, which needs root where that is another suite
# It installs the build tools that are missing. Python packages are those of scripts/requirements/, downloaded once.
# Exit status: 0 built, 1 something failed, 2 wrong usage.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

wrong() { # MESSAGE
    printf 'build-deb.sh: %s\nscripts/build-deb.sh --help shows the options.\n' "$1" >&2
    exit 2
}

suites=(bookworm trixie) architectures=(amd64 arm64) lint=
while [ $# -gt 0 ]; do
    case "$1 ${2:-}" in
    "-h "* | "--help "*) sed -n '2,/^set/{s/^# \?//p}' "$0" && exit ;;
    "--lint "*) lint=yes && shift && continue ;;
    "--suite bookworm" | "--suite trixie") suites=("$2") ;;
    "--arch amd64" | "--arch arm64") architectures=("$2") ;;
    "--suite "*) wrong "--suite ${2:-}: must be bookworm or trixie" ;;
    "--arch "*) wrong "--arch ${2:-}: must be amd64 or arm64" ;;
    *) wrong "$1: unknown option" ;;
    esac
    shift 2
done

. scripts/setup.sh
umask 022
command -v dpkg-buildpackage >/dev/null || apt_install dpkg-dev
command -v dh >/dev/null || apt_install debhelper
make_venv ""
.venv/bin/python -c 'import shtab' 2>/dev/null ||
    pip_install .venv/bin/python "$(sed -nE 's/^ *"(shtab[^"]*)",.*/\1/p' pyproject.toml)"

VERSION=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' soft_stream/__init__.py)
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog --file debian/changelog --show-field Timestamp)
export VERSION PYTHON NEXT_PYTHON SOURCE_DATE_EPOCH

python() { PYTHONPATH=scripts:. .venv/bin/python -P "$@"; } # the modules of this checkout

build() ( # SUITE ARCHITECTURE: build a package, print its path
    case $1 in
    bookworm) version=$VERSION~deb12 PYTHON=3.11 NEXT_PYTHON=3.12 ;;
    trixie) version=$VERSION~deb13 PYTHON=3.13 NEXT_PYTHON=3.14 ;;
    esac
    gnu=$(dpkg-architecture --host-arch "$2" --query DEB_HOST_GNU_TYPE 2>/dev/null)
    [ "$2" = "$(dpkg --print-architecture)" ] || command -v "$gnu-strip" >/dev/null ||
        apt_install "binutils-${gnu/_/-}"
    mkdir -p build/deb
    work=$(mktemp -d build/deb/work.XXXXXX)
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/source"
    cp -R debian CHANGELOG.md README.md "$work/source"
    sed -i "1s/(.*) [^;]*;/($version) $1;/" "$work/source/debian/changelog"
    python -m rollout.bundle "$work/source/release" "${gnu%%-*}" "$PYTHON"
    python scripts/make_manual.py "$work/source/manual"
    (cd "$work/source" &&
        dpkg-buildpackage --build=binary --host-arch "$2" --no-sign --no-check-builddeps) >"$work/log" 2>&1 ||
        { cat "$work/log" >&2 && exit 1; }
    mv "$work/camera-soft-stream_${version}_$2.deb" build/deb/
    echo "build/deb/camera-soft-stream_${version}_$2.deb"
)

check() { # SUITE PACKAGE: run the suite's own lintian, in a small system of that suite if this machine is of another one
    local tree=build/deb/lintian-$1
    local -a root=()
    if [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = "$1" ]; then
        command -v lintian >/dev/null || apt_install lintian
        lintian --fail-on error "$2" || exit 1
        return
    fi
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    [ -x /usr/sbin/debootstrap ] || apt_install debootstrap
    if [ ! -e "$tree" ]; then
        echo "Installing lintian of $1 in $tree ..." >&2
        "${root[@]}" rm -rf "$tree.new"
        {
            "${root[@]}" /usr/sbin/debootstrap --variant=minbase "$1" "$tree.new" ${MIRROR:+"$MIRROR"} &&
                "${root[@]}" chroot "$tree.new" \
                    env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends lintian
        } >"$tree.log" 2>&1 || { cat "$tree.log" >&2 && exit 1; }
        "${root[@]}" mv "$tree.new" "$tree"
    fi
    "${root[@]}" cp "$2" "$tree/tmp/"
    "${root[@]}" chroot "$tree" lintian --fail-on error "/tmp/${2##*/}" || exit 1
}

for suite in "${suites[@]}"; do
    for architecture in "${architectures[@]}"; do
        echo "Building for $suite, $architecture ..." >&2
        package=$(build "$suite" "$architecture")
        echo "$package"
        [ -z "$lint" ] || check "$suite" "$package"
    done
done
