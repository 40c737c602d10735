# Functions shared by start.sh, test.sh and deploy-soft-stream.sh: create .venv, install packages.
# shellcheck shell=bash

missing() { # WHAT COMMAND: report what is missing and the command that installs it, and exit
    printf '%s is missing, and this script may not install it. Install it with:\n    %s\n' "$1" "$2" >&2
    exit 1
}

pip_install() ( # PYTHON ARGUMENT...: run pip install; print what pip writes only if it fails
    output=$(mktemp)
    trap 'rm -f "$output"' EXIT
    "$1" -m pip install --quiet --disable-pip-version-check "${@:2}" >"$output" 2>&1 || {
        cat "$output" >&2
        exit 1
    }
)

apt_install() { # PACKAGE...: install Debian packages if this user may
    local -a root=()
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    if ! command -v apt-get >/dev/null || ! "${root[@]}" true 2>/dev/null; then
        missing "$*" "sudo apt-get install $*"
    fi
    echo "Installing $* ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    "${root[@]}" apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1 ||
        { "${root[@]}" apt-get update -qq && "${root[@]}" apt-get install -qq -y --no-install-recommends "$@" >/dev/null; } ||
        missing "$*" "sudo apt-get update && sudo apt-get install $*"
}

is_raspberry_pi() { grep -qs 'Raspberry Pi' /proc/device-tree/model; }

has_picamera2() { "$1" -c 'import libcamera, picamera2' 2>/dev/null; }

find_python() { # print the interpreter to use: the system's if it has Picamera2, else any that is new enough
    local candidate
    if is_raspberry_pi && ! has_picamera2 /usr/bin/python3; then
        apt_install python3-picamera2
    fi
    if [ -z "${PYTHON:-}" ] && has_picamera2 /usr/bin/python3; then
        PYTHON=/usr/bin/python3
    fi
    for candidate in "${PYTHON:-}" python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    missing "Python 3.11 or newer" "sudo apt-get install python3"
}

make_venv() { # [EXTRAS]: create .venv from pyproject.toml; create it again when that file has changed
    local extras=${1:-} stamp=.venv/.made-from made_from python site=()
    made_from=$(sha256sum <pyproject.toml)
    if .venv/bin/python -c '' 2>/dev/null; then
        case "$(cat "$stamp" 2>/dev/null)" in "${made_from%% *}"*"$extras"*) return ;; esac
    fi
    python=$(find_python)
    # Picamera2 and libcamera exist only as Debian packages, for the system's Python.
    if has_picamera2 "$python"; then site=(--system-site-packages); fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    echo "Setting up .venv with $("$python" --version) ..." >&2
    rm -rf .venv
    "$python" -m venv "${site[@]}" .venv
    pip_install .venv/bin/python --editable ".$extras" || {
        echo "pip cannot install the dependencies of pyproject.toml: see above. It needs access to a package index." >&2
        exit 1
    }
    echo "$made_from $extras" >"$stamp"
}
