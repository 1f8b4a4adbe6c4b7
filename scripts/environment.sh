# Sourced by the other scripts: makes the Python environment they run in.
#
#   ensure_env base      what serving needs (requirements/base.txt)
#   ensure_env test      base, the test and train sets, and torch
#   ensure_env loadtest  base and Locust; an environment for tests has both
#
# PYTHON         the interpreter to build with (3.11 to 3.14; default: the first found)
# AVENGERS_VENV  where the environment lies (default: .venv in the repository)
# AVENGERS_TORCH what pip is asked for instead of torch's CPU build: a requirement,
#                a wheel or its address
#
# A second run compares one checksum and starts at once. Two runs at a time wait for
# each other; an installation that was killed is begun again from nothing. One that
# failed before it had written anything leaves what was there.
# shellcheck shell=bash

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${AVENGERS_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
torch_version=2.13.0
# Else pip refuses where it is told so: a virtual environment has no packages of a user.
export PIP_USER=0

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Of options that cannot be used.
refuse() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# The comment block at the top of a script is its help text.
show_help() {
    case ${1:-} in
    -h | --help)
        sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    esac
}

# A module of ours, where its caller is: the files that options name are the caller's, and
# what lies in his folder is not taken for a module.
run_module() { exec "$venv/bin/python" -P -m "$@"; }

checksum() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# Those that all pinned packages have wheels for.
fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
        2>/dev/null
}

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || die "PYTHON=$PYTHON is not a Python from 3.11 to 3.14"
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    die "no Python from 3.11 to 3.14 on PATH; install one, or name it: PYTHON=/path/to/python3"
}

python_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# What the environment must have been made from for $1 to be up to date.
stamp_of() {
    local files=(base.txt uv.txt)
    [ "$1" = base ] || files+=("$1.txt")
    {
        printf '%s\n' "$1" "$root" "${PYTHON:-}"
        [ "$1" != test ] || printf '%s\n' "$torch_version" "${AVENGERS_TORCH:-}"
        # Not ${files[@]/#/...}: since bash 5.2 an & in the path would not stay one.
        (cd "$root/requirements" && cat "${files[@]}")
    } | checksum
}

is_ready() {
    [ -x "$venv/bin/python" ] && [ ! -e "$venv/.installing" ] &&
        [ -f "$venv/.stamp-$1" ] && [ "$(cat "$venv/.stamp-$1")" = "$2" ]
}

# A name for what is installed, whole packages and half ones.
installed() {
    { find "$venv"/lib/python*/site-packages -mindepth 1 -maxdepth 1 2>/dev/null || true; } |
        LC_ALL=C sort | checksum
}

# Said when nothing is half written: what there is by now can be trusted.
is_whole() { whole=$(installed); }

# At the end of a run that failed, say without a network.
keep_whole() { [ "$whole" != "$(installed)" ] || rm -f "$venv/.installing"; }

# An environment that cannot be trusted (half made, or of another Python) is emptied.
make_venv() {
    local python=$1
    whole=
    trap keep_whole EXIT
    if [ -x "$venv/bin/python" ] && [ ! -e "$venv/.installing" ] &&
        [ "$(python_version "$venv/bin/python")" = "$(python_version "$python")" ]; then
        is_whole
        touch "$venv/.installing"
        return
    fi
    if [ ! -e "$venv/pyvenv.cfg" ] && [ ! -e "$venv/.installing" ] &&
        [ -n "$(find "$venv" -mindepth 1 -maxdepth 1 ! -name .setup-lock)" ]; then
        die "$venv is not empty and not a virtual environment; choose another AVENGERS_VENV"
    fi
    touch "$venv/.installing"
    find "$venv" -mindepth 1 -maxdepth 1 ! -name .setup-lock ! -name .installing -exec rm -rf {} +
    "$python" -m venv "$venv" >&2 ||
        die "$python cannot make a virtual environment (Debian: apt-get install python3-venv)"
}

# Nothing of it is missing any more.
venv_made() {
    rm "$venv/.installing"
    trap - EXIT
}

# What pip's own configuration says, if anything.
pip_setting() { "$venv/bin/python" -m pip config get "global.$1" 2>/dev/null || true; }

# uv does not read pip's settings: hand it the index and the certificates.
uv_settings() {
    local index=${PIP_INDEX_URL:-} certificates=${PIP_CERT:-}
    [ -n "$index" ] || index=$(pip_setting index-url)
    [ -n "$certificates" ] || certificates=$(pip_setting cert)
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ -z "$certificates" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
}

locked() {
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps \
        --require-hashes --compile-bytecode -r "$root/requirements/$1"
}

# The project itself, editable: a path and a command. Nothing to build or to download.
link_project() {
    local packages
    packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$root" >"$packages/avengers-serve.pth"
    # Not #!$venv/bin/python: the system ends that at the first space of a path. To
    # Python the two lines of sh are a text.
    cat >"$venv/bin/avengers" <<PY
#!/bin/sh
'''exec' "$venv/bin/python" "\$0" "\$@"
' '''
import sys

from serve_app.cli import main

if __name__ == "__main__":
    sys.exit(main())
PY
    chmod +x "$venv/bin/avengers"
}

install_base() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r "$root/requirements/uv.txt"
    uv_settings
    locked base.txt
    link_project
}

# Which build of torch pip would fetch is only known from its metadata: the CUDA build
# (gigabytes) names its libraries there, so it is refused before it is downloaded.
cpu_torch_only() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --dry-run \
        --no-deps --ignore-installed --report - "$1" | "$venv/bin/python" -c '
import json, sys
[item] = json.load(sys.stdin)["install"]
needs = " ".join(item["metadata"].get("requires_dist", []))
sys.exit(sys.platform == "linux" and ("nvidia" in needs or "cuda" in needs))'
}

install_torch() {
    local wanted=torch==$torch_version
    if [ -n "${AVENGERS_TORCH:-}" ]; then
        wanted=$AVENGERS_TORCH
    elif "$venv/bin/python" -c "
import importlib.metadata as m, sys
sys.exit(m.version('torch').split('+')[0] != '$torch_version')" 2>/dev/null; then
        return
    elif ! cpu_torch_only "$wanted"; then
        die "pip finds no CPU build of $wanted here (the CUDA build takes gigabytes): set" \
            "PIP_EXTRA_INDEX_URL to an index that has it, or AVENGERS_TORCH to the" \
            "requirement or wheel you want"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wanted"
}

install_loadtest() { locked loadtest.txt; }

install_test() {
    locked test.txt
    is_whole
    install_torch
}

ensure_env() {
    local set=$1 stamp python
    stamp=$(stamp_of "$set")
    ! is_ready "$set" "$stamp" || return 0
    # What the tests need includes what load tests need.
    [ "$set" != loadtest ] || ! is_ready test "$(stamp_of test)" || return 0
    python=$(find_python)
    mkdir -p "$venv"
    exec 9>"$venv/.setup-lock"
    # Not .lock: that one is uv's. The lock belongs to descriptor 9, which this
    # shell keeps open, so no flock(1) is needed.
    "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    if ! is_ready "$set" "$stamp"; then
        printf 'preparing %s (%s)\n' "$venv" "$set" >&2
        make_venv "$python"
        install_base
        stamp_of base >"$venv/.stamp-base"
        is_whole
        if [ "$set" != base ]; then
            "install_$set"
            printf '%s\n' "$stamp" >"$venv/.stamp-$set"
        fi
        venv_made
    fi
    exec 9>&-
}
