#!/usr/bin/env bash
# Installs what is missing into .venv, and serves all cameras of camera-soft-stream.env in this terminal.
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)

case " $* " in *" -h "* | *" --help "*)
    cat <<'END'
usage: scripts/start.sh [OPTION ...]

Installs what is missing into .venv, then serves all cameras of camera-soft-stream.env until Ctrl-C, one process for
each. Where there is no real camera it serves a test camera.

  --lan              listen on the network, with a login that is made and printed
  --port-base N      serve camera 0 on port N, camera 1 on N + 1, ... (default: as in the settings, 18081)
  --env-file FILE    another settings file
  OPTION             any other one of `.venv/bin/soft-stream serve`, such as --fps 15, for all cameras

Exit status: 0 stopped by Ctrl-C or a signal, 1 something cannot be installed, 2 wrong usage, 66 no camera is connected,
75 a port is taken, 78 a setting is wrong.
END
    exit
    ;;
esac
. "$checkout/scripts/setup.sh"
require_linux
(cd "$checkout" && make_venv "")
exec "$checkout/.venv/bin/soft-stream" serve --all --env-file "$checkout/camera-soft-stream.env" "$@"
