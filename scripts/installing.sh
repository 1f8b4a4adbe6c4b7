# Sourced by environment.sh: what is installed into the environment, and how.
#
#   install_base, install_test, install_loadtest   one of its sets
#   install_torch                                  the CPU build, by pip
#   locked FILE                                    what requirements/FILE pins, by uv
#   link_project                                   the project itself, editable
# shellcheck shell=bash
# shellcheck source=scripts/environment.sh

# What pip's own configuration says, if anything.
pip_setting() { "$venv/bin/python" -m pip config get "global.$1" 2>/dev/null || true; }

# uv does not read pip's settings: hand it the index and the certificates.
uv_settings() {
    local index=${PIP_INDEX_URL:-} certificates=${PIP_CERT:-}
    [ -n "$index" ] || index=$(pip_setting index-url)
    [ -n "$certificates" ] || certificates=$(pip_setting cert)
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ -z "$certificates" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
    # pip does without a cache that it cannot write; uv says so, and ends.
    local cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/uv}
    { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null || export UV_NO_CACHE=1
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
