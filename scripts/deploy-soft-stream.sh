#!/usr/bin/env bash
# Deploys this checkout to a Raspberry Pi. Usage: scripts/deploy-soft-stream.sh [user@host] [OPTION...]; see --help
set -euo pipefail
folder=$PWD # a relative --env-file is there
cd "$(dirname "$0")/.."
. scripts/setup.sh

make_venv ""
project=$PWD
cd "$folder"
# -P: modules of that folder must not replace those of the project
PYTHONPATH="$project/scripts:$project" exec "$project/.venv/bin/python" -P -m rollout.deploy "$@"
