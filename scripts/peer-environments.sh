# Sourced after environment.sh by what measures other gateways beside ours.
#
#   ensure_peers   LiteLLM and RouteLLM, each in a Python environment of its own, and
#                  Portkey (needs node and npm); what requirements/peers pins
#
# AVENGERS_PEERS  where they lie (default: .peers in the repository)
#
# One that cannot be installed is no error: NAME.failed says why, and the measurement
# reports it as absent.
# shellcheck shell=bash
# shellcheck source=scripts/environment.sh

peers=${AVENGERS_PEERS:-$root/.peers}
case $peers in /*) ;; *) peers=$PWD/$peers ;; esac
export AVENGERS_PEERS=$peers

peer_stamp() { cat "$root/requirements/uv.txt" "$1" | checksum; }

# The path that `locked` takes is below requirements/.
install_python_peer() {
    local name=$1 python
    python=$(find_python)
    mkdir -p "$venv"
    make_venv "$python"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r "$root/requirements/uv.txt"
    uv_settings
    locked "peers/$name.txt"
    # RouteLLM imports torch even for its random router.
    [ "$name" != routellm ] || install_torch
    venv_made
}

install_portkey() {
    command -v node >/dev/null || die "node is not installed (Debian: nodejs, npm)"
    command -v npm >/dev/null || die "npm is not installed (Debian: npm)"
    mkdir -p "$venv"
    cp "$root"/requirements/peers/portkey/*.json "$venv"
    npm ci --prefix "$venv" --ignore-scripts --no-audit --no-fund >/dev/null
}

# In a subshell, so that what fails ends this peer only. Its last line is the reason.
ensure_peer() {
    local name=$1 pins=$root/requirements/peers/$1.txt install="install_python_peer $1"
    if [ "$name" = portkey ]; then
        pins=$root/requirements/peers/portkey/package-lock.json install=install_portkey
    fi
    local stamp
    stamp=$(peer_stamp "$pins")
    [ "$(cat "$peers/$name.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    printf 'preparing %s\n' "$peers/$name" >&2
    rm -f "$peers/$name.stamp" "$peers/$name.failed"
    # In the background, not as a condition: that would switch errexit off in it.
    (
        venv=$peers/$name
        $install
    ) 2>"$peers/$name.log" &
    if wait $!; then
        printf '%s\n' "$stamp" >"$peers/$name.stamp"
    else
        grep -v '^WARNING' "$peers/$name.log" | tail -n 1 >"$peers/$name.failed" || true
        printf 'not installed: %s (%s)\n' "$name" "$peers/$name.log" >&2
    fi
}

ensure_peers() {
    local name
    mkdir -p "$peers"
    for name in litellm routellm portkey; do ensure_peer "$name"; done
}
