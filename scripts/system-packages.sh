# Sourced after environment.sh by what needs programs that pip does not have.
#
#   ensure_system_packages   Debian's postgresql: its server, for the tests of the store
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

ensure_system_packages() {
    ! has_postgresql || return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    printf 'installing postgresql\n' >&2
    no_postgresql_cluster
    apt_install postgresql
}
