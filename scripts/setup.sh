#!/bin/sh
# Makes .venv from the lock: finds a Python, or prints the command that brings one.
# Called by the Makefile. PYTHON=/path/to/python chooses one by hand.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
lock=requirements/dev.txt
oldest="3, 11"

is_new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < ($oldest))" >/dev/null 2>&1
}

has_venv() {
    "$1" -c "import ensurepip, venv" >/dev/null 2>&1
}

# The first Python that can make the environment; else the first that is new enough.
find_python() {
    without_venv=
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if is_new_enough "$candidate"; then
            if has_venv "$candidate"; then
                echo "$candidate"
                return
            fi
            without_venv=${without_venv:-$candidate}
        fi
    done
    echo "$without_venv"
}

# Written out with sudo for whoever needs it.
as_root() {
    if [ "$(id -u)" = 0 ] || ! command -v sudo >/dev/null 2>&1; then echo "$*"; else echo "sudo $*"; fi
}

# Containers come without package lists: without an update, apt knows no package.
apt_install() {
    echo "$(as_root apt update) && $(as_root apt install "$@")"
}

# The newest Python that this Debian or Ubuntu knows, with its venv; nothing if all are too old.
apt_python() {
    if ! apt-cache show python3 >/dev/null 2>&1; then
        apt_install python3 python3-venv
        return
    fi
    for version in 3.14 3.13 3.12 3.11; do
        if apt-cache show "python$version-venv" >/dev/null 2>&1; then
            apt_install "python$version" "python$version-venv"
            return
        fi
    done
}

command_for_python() {
    if [ "$(uname -s)" = Darwin ]; then
        echo "brew install python@3.12"
    elif command -v apt >/dev/null 2>&1; then
        apt_python
    elif command -v dnf >/dev/null 2>&1; then
        as_root "dnf install python3.12"
    elif command -v zypper >/dev/null 2>&1; then
        as_root "zypper install python312"
    elif command -v pacman >/dev/null 2>&1; then
        as_root "pacman -S python"
    elif command -v apk >/dev/null 2>&1; then
        as_root "apk add python3"
    fi
}

# $1: a Python that cannot make a virtual environment. Only Debian and its kin split venv off.
command_for_venv() {
    if command -v apt >/dev/null 2>&1; then
        case "$(basename "$1")" in
            python3.*) apt_install "$(basename "$1")-venv" ;;
            *) apt_install python3-venv ;;
        esac
    else
        command_for_python
    fi
}

# $1: what is wrong; $2: the command that helps, if there is one.
give_up() {
    {
        echo "$1"
        if [ -n "$2" ]; then
            echo "This helps:"
            echo
            echo "    $2"
            echo
            echo "Then run make again."
        else
            echo "Get one from https://www.python.org/downloads/ and run: make PYTHON=/path/to/python3"
        fi
    } >&2
    exit 1
}

if ! is_new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    if [ -z "$python" ]; then
        found=$("${PYTHON:-python3}" --version 2>/dev/null) || found="none that runs"
        give_up "Mifeng needs Python 3.11 or newer; found: $found." "$(command_for_python)"
    fi
    if ! has_venv "$python"; then
        give_up "$("$python" --version) is here, but its venv module is not." "$(command_for_venv "$python")"
    fi
    echo "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi

pip() {
    "$venv/bin/python" -m pip -qq --disable-pip-version-check --no-input "$@"
}

echo "Installing what $lock names (a minute or two the first time)"
pip install --require-hashes -r "$lock"
pip install --no-deps --no-build-isolation -e .
touch "$venv/.installed"
