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
# What a shell says to another Python: where its library and its modules are, how it runs.
unset PYTHONHOME PYTHONPATH PYTHONPLATLIBDIR PYTHONINSPECT PYTHONOPTIMIZE
# With it, cd may say where it went, which would be half of a path.
unset CDPATH
# Of a place that is not there Python takes another one; uv and mktemp end.
{ [ -d "${TMPDIR:-/}" ] && [ -w "${TMPDIR:-/tmp}" ]; } || unset TMPDIR
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${AVENGERS_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
torch_version=2.13.0
# Else pip refuses where it is told so: a virtual environment has no packages of a user.
export PIP_USER=0

. "$root/scripts/installing.sh"

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

# Not the environment's own: it goes when that is emptied.
find_python() {
    local candidate found
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || die "PYTHON=$PYTHON is not a Python from 3.11 to 3.14"
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        while read -r found; do
            if [ ! "${found%/*}" -ef "$venv/bin" ] && fits "$found"; then
                printf '%s\n' "$found"
                return
            fi
        done < <(type -aP "$candidate")
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

# Its Python runs, and what is installed was installed for it: the system's, which it
# leads to, may have been upgraded since.
runs() {
    [ -x "$venv/bin/python" ] && "$venv/bin/python" -I -c '
import sys
own = [path for path in sys.path if path.startswith(sys.prefix + "/")]
sys.exit(sys.prefix == sys.base_prefix or not own)' 2>/dev/null
}

is_ready() {
    [ ! -e "$venv/.installing" ] && [ -f "$venv/.stamp-$1" ] &&
        [ "$(cat "$venv/.stamp-$1")" = "$2" ] && runs
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
    if [ ! -e "$venv/.installing" ] && runs &&
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
