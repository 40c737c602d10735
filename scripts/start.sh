#!/usr/bin/env bash
# Starts the portal: one process per camera of camera-soft-stream.env, on test cameras where there is no real one.
# Ctrl-C ends all of them. Usage: scripts/start.sh [--port-base N]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

make_venv ""
exec .venv/bin/python scripts/start_cameras.py "$@"
