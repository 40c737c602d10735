#!/usr/bin/env bash
# Rolls this checkout out to a Raspberry Pi: scripts/deploy-soft-stream.sh [user@host] [--help for more]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

make_venv ""
PYTHONPATH=scripts exec .venv/bin/python -m rollout.deploy "$@"
