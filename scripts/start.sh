#!/usr/bin/env bash
# Starts the server: one process for each camera of camera-soft-stream.env. Without a real camera it serves test cameras.
# Ctrl-C stops all of them. Usage: scripts/start.sh [--port-base N]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

make_venv ""
exec .venv/bin/python scripts/start_cameras.py "$@"
