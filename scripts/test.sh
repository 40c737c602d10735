#!/usr/bin/env bash
# Installs the test tools and passes everything: format, lint, types, tests, a real browser.
# Usage: scripts/test.sh [PYTEST ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

make_venv "[dev]"
# for tests/fake_libcamera, beside the environment: the portal itself must not find it there
[ -d .venv/picamera2 ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --target .venv/picamera2 picamera2==0.3.38 piexif==1.1.3 videodev2==0.0.4
for tool in chromium curl ffmpeg shellcheck; do
    command -v "$tool" >/dev/null || apt_install "$tool"
done
# the program that drives the browser is built against it
.venv/bin/python -m playwright --version >/dev/null 2>&1 || apt_install libatomic1

.venv/bin/ruff format --check .
.venv/bin/ruff check .
shellcheck -x scripts/*.sh .ci/run
.venv/bin/mypy
.venv/bin/pytest "$@"
