# Sourced after environment.sh by what needs programs that pip does not have.
#
#   ensure_system_packages   Debian's postgresql: its server, for the tests of the store;
#                            prometheus, with promtool: for metrics, alerts, dashboards
#
# They are installed where they are absent, if this is root and there is apt. Otherwise
# nothing is done: the tests that need one are skipped, and name the package.
# shellcheck shell=bash
# shellcheck source=scripts/environment.sh

has_postgresql() {
    local program
    command -v initdb >/dev/null && return
    for program in /usr/lib/postgresql/*/bin/initdb; do
        [ ! -x "$program" ] || return 0
    done
    return 1
}

# Debian would make a cluster of its own and start it; the tests start theirs.
no_postgresql_cluster() {
    local settings=/etc/postgresql-common/createcluster.conf
    [ ! -e "$settings" ] || return 0
    mkdir -p "${settings%/*}"
    printf 'create_main_cluster = false\n' >"$settings"
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"
    } >&2 || printf 'warning: apt-get could not install: %s\n' "$*" >&2
}

# Debian would start Prometheus now and at each start of the machine; the tests start
# theirs. What forbids it is taken away again, unless it was there, also after Ctrl-C: else
# no service that is installed later would be started. A subshell, so the trap is its own.
service_policy=/usr/sbin/policy-rc.d units=/etc/systemd/system
without_services() (
    unit=$units/prometheus.service
    if [ ! -e "$service_policy" ]; then
        trap 'rm -f "$service_policy"' EXIT
        trap 'exit 130' INT TERM HUP
        printf '#!/bin/sh\nexit 101\n' >"$service_policy"
        chmod +x "$service_policy"
    fi
    if [ -d "$units" ] && [ ! -e "$unit" ] && [ ! -L "$unit" ]; then
        ln -s /dev/null "$unit"
    fi
    "$@"
)

ensure_system_packages() {
    local missing=()
    has_postgresql || missing+=(postgresql)
    command -v prometheus >/dev/null && command -v promtool >/dev/null ||
        missing+=(prometheus)
    [ "${#missing[@]}" -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    printf 'installing %s\n' "${missing[*]}" >&2
    no_postgresql_cluster
    without_services apt_install "${missing[@]}"
}
