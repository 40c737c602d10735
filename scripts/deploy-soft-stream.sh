#!/usr/bin/env bash
# Deploys this checkout to a Raspberry Pi. Usage: scripts/deploy-soft-stream.sh [user@host] [OPTION...]; see --help
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

make_venv ""
PYTHONPATH=scripts exec .venv/bin/python -m rollout.deploy "$@"
