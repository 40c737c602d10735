#!/usr/bin/env bash
# Installs the test tools and passes everything: format, lint, types, tests, a real browser.
# Usage: scripts/test.sh [PYTEST ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

make_venv "[dev]"
command -v chromium >/dev/null || apt_install chromium
command -v shellcheck >/dev/null || apt_install shellcheck
command -v ffmpeg >/dev/null || apt_install ffmpeg

.venv/bin/ruff format --check .
.venv/bin/ruff check .
shellcheck -x scripts/*.sh .ci/run
.venv/bin/mypy
.venv/bin/pytest "$@"
