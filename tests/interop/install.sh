#!/bin/sh
# Install the implementations that `make interop` talks to: ts-mls from npm, rine-mls from PyPI.
# They live in $PEERS_DIR (~/.cache/peers), outside of the project. Nothing is done where they are.
set -eu

peers=${PEERS_DIR:-$HOME/.cache/peers}
python=${PYTHON:-python3}

if [ ! -x "$peers/v_rine/bin/python" ]; then
    "$python" -m venv "$peers/v_rine"
fi
if ! "$peers/v_rine/bin/python" -c "import rine_mls" 2>/dev/null; then
    "$peers/v_rine/bin/python" -m pip install --quiet --disable-pip-version-check rine-mls==0.1.1
fi

if [ ! -d "$peers/ts/node_modules/ts-mls" ]; then
    command -v npm >/dev/null || { echo "npm is missing: ts-mls is not installed" >&2; exit 1; }
    mkdir -p "$peers/ts"
    [ -f "$peers/ts/package.json" ] || echo '{ "private": true }' >"$peers/ts/package.json"
    # The versions that ts-mls 1.6.4 names as its peers; npm installs no other.
    npm install --prefix "$peers/ts" --silent --no-audit --no-fund \
        ts-mls@1.6.4 @hpke/chacha20poly1305@1.8.0 @noble/curves@2.0.1
fi
