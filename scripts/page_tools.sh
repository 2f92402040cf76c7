#!/bin/sh
# Install what checks the page and no user needs: typescript and axe-core from npm, outside of the project.
set -eu
tools=${PAGE_TOOLS_DIR:-$HOME/.cache/mifeng-page}
if [ ! -d "$tools/node_modules/typescript" ] || [ ! -d "$tools/node_modules/axe-core" ]; then
    command -v npm >/dev/null || { echo "npm is missing: the page's types are not checked" >&2; exit 1; }
    mkdir -p "$tools"
    [ -f "$tools/package.json" ] || echo '{ "private": true }' >"$tools/package.json"
    npm install --prefix "$tools" --silent --no-audit --no-fund typescript@7.0.2 axe-core@4.14.1
fi
