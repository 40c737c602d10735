# Functions shared by start.sh, test.sh, deploy-soft-stream.sh and build-deb.sh: create .venv, install packages.
# shellcheck shell=bash

missing() { # WHAT COMMAND: report what is missing and the command that installs it, and exit
    printf '%s is missing, and this script may not install it. Install it with:\n    %s\n' "$1" "$2" >&2
    exit 1
}

require_linux() { # exit where the server cannot run
    [ "$(uname -s)" = Linux ] && return
    printf 'camera-soft-stream runs only on Linux, such as Raspberry Pi OS; this is %s.\n' "$(uname -s)" >&2
    exit 1
}

pip_install() ( # PYTHON ARGUMENT...: run pip install; print what pip writes only if it fails, but not its retries
    output=$(mktemp)
    trap 'rm -f "$output"' EXIT
    # more retries would take a minute where there is no network
    PIP_RETRIES=${PIP_RETRIES:-2} "$1" -m pip install --quiet --disable-pip-version-check "${@:2}" >"$output" 2>&1 && exit
    if grep -q 'after connection broken by' "$output"; then
        # the end of the innermost exception in Python's notation
        reason=$(sed -nE "
            s/.*after connection broken by '(.*)': .*/\1/
            T
            s/.*(\[Errno -?[0-9]+\]|\[SSL: [A-Z_]+\]|object at [0-9a-fx]+>,|\(host=[^)]*\):|[A-Za-z]+\() *//
            s/ \((_ssl|connect timeout|read timeout)[^)]*\)//
            s/^['\"]+|[]'\").]+$//gp" "$output" | head -n 1)
        printf 'pip cannot reach its package index: %s.\n' "${reason:-no connection}" >&2
        echo "Check the internet connection and the clock of this machine, or deploy to it (docs/deploy.md)." >&2
    else
        cat "$output" >&2
    fi
    exit 1
)

apt_install() { # PACKAGE...: install Debian packages if this user may
    local -a root=()
    local errors
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    if ! command -v apt-get >/dev/null || ! "${root[@]}" true 2>/dev/null; then
        missing "$*" "sudo apt-get install $*"
    fi
    echo "Installing $* ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    "${root[@]}" apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1 && return
    if errors=$({ "${root[@]}" apt-get update -qq &&
        "${root[@]}" apt-get install -qq -y --no-install-recommends "$@"; } 2>&1 >/dev/null); then return; fi
    printf '%s cannot be installed: %s\nTry it yourself: sudo apt-get update && sudo apt-get install %s\n' \
        "$*" "$(grep -m 1 '^[EW]: ' <<<"$errors" || tail -n 1 <<<"$errors")" "$*" >&2
    exit 1
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
    command -v python3 >/dev/null || missing "Python 3.11 or newer" "sudo apt-get install python3"
    printf 'Python 3.11 or newer is needed; this machine has only %s.\n' "$(python3 --version 2>&1)" >&2
    echo "Raspberry Pi OS 12 (Bookworm) has it, and Debian 12." >&2
    exit 1
}

make_venv() { # [EXTRAS]: create .venv from pyproject.toml; create it again when that file has changed
    local extras=${1:-} stamp=.venv/.made-from made_from python site=()
    made_from=$(sha256sum <pyproject.toml)
    if .venv/bin/python -c '' 2>/dev/null; then
        case "$(cat "$stamp" 2>/dev/null)" in "${made_from%% *}"*"$extras"*) return ;; esac
    fi
    # start.sh must not remove the test tools, which test.sh would install again
    case "$(cat "$stamp" 2>/dev/null)" in *"[dev]"*) extras="[dev]" ;; esac
    python=$(find_python)
    # Picamera2 and libcamera exist only as Debian packages, for the system's Python.
    if has_picamera2 "$python"; then site=(--system-site-packages); fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    echo "Setting up .venv with $("$python" --version) ..." >&2
    rm -rf .venv
    "$python" -m venv "${site[@]}" .venv
    pip_install .venv/bin/python --editable ".$extras" || exit 1
    echo "$made_from $extras" >"$stamp"
}
