#!/bin/sh
# Install what only some tests need and no user does: PostgreSQL, a browser with Chinese fonts, spin, strace,
# and the tools of requirements/ci.txt. Without one of them its tests skip, and say so.
set -u
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    missing=
    for package in postgresql chromium fonts-noto-cjk fonts-noto-color-emoji desktop-file-utils dbus-daemon spin strace ffmpeg poppler-utils; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        apt-get -qq update >/dev/null 2>&1
        # shellcheck disable=SC2086 - a list of names
        DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y $missing >/dev/null 2>&1 ||
            echo "ci_setup: not every Debian package could be installed ($missing)"
    fi
fi
.venv/bin/python -m pip -qq --disable-pip-version-check --no-input install --require-hashes -r requirements/ci.txt ||
    echo "ci_setup: the tools of requirements/ci.txt could not be installed"
