# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used where this is sourced
# Where everything goes, who owns it, and how the scripts talk. Sourced by install, update, uninstall and configure.
#
# PREFIX   put before every path, in the files' texts too: a whole installation somewhere else, which runs from there.
# DESTDIR  put before every path that is written, but not into texts: a root that will be / somewhere else.
# Both are empty as a rule.

PREFIX=${PREFIX:-}
DESTDIR=${DESTDIR:-}
SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
SOURCE=$(cd "$SCRIPTS/../.." && pwd -P)

PROGRAM=$PREFIX/opt/utility-meters
CONFIG=$PREFIX/etc/utility-meters
STATE=$PREFIX/var/lib/utility-meters
UNITS=$PREFIX/etc/systemd/system
COMMAND=$PREFIX/usr/local/bin/meters
HOME_OF_DAGSTER=$STATE/dagster_home

SERVICES=(utility-meters-code.service utility-meters-webserver.service utility-meters-daemon.service utility-meters-house.service)
# What a machine that only shows the house does without (make install-dashboard); masked there, so it stays so.
OF_DAGSTER=(utility-meters-code.service utility-meters-webserver.service utility-meters-daemon.service)
TARGET=utility-meters.target
STEP=0

# A terminal that is gone must not end an update half way: what cannot be said is not worth failing for.
say() { printf '%s\n' "$*" 2>/dev/null || :; }
complain() { printf '%s\n' "$*" >&2 2>/dev/null || :; }
step() {
    STEP=$((STEP + 1))
    say "[$STEP] $*"
}
refuse() {
    complain "$*"
    exit 2
}
fail() {
    complain "$*"
    exit 1
}

# The path of a place in the root that is written to.
at() { printf '%s' "$DESTDIR$1"; }

is_root() { [ "$(id -u)" = 0 ]; }

check_places() {
    local name value
    for name in PREFIX DESTDIR; do
        value=${!name}
        case $value in
            "") ;;
            */) refuse "$name: '$value' ends with a slash. Leave it out." ;;
            /*) ;;
            *) refuse "$name: '$value' is not an absolute path. Begin it with /." ;;
        esac
        # systemd and shells read other characters in their own ways.
        case $value in
            *[!A-Za-z0-9/._+-]*) refuse "$name: '$value' holds a character other than letters, digits and / . _ + -. Choose another folder." ;;
        esac
    done
    if ! is_root && [ -z "$PREFIX$DESTDIR" ]; then
        refuse "$(basename "$0"): user $(id -un) may not write to $PROGRAM. Run it as root."
    fi
}

# Whose account the services run under. PREFIX tries things out, so it makes no accounts.
if [ -n "$PREFIX" ] && [ -z "$DESTDIR" ]; then
    SERVICE_USER=${SERVICE_USER:-$(id -un)}
else
    SERVICE_USER=${SERVICE_USER:-utility-meters}
fi
SERVICE_UID=
SERVICE_GID=

# Look the service's user up in the root that is written to.
find_service_user() {
    local entry
    if [ -n "$DESTDIR" ]; then
        entry=$(grep -s "^$SERVICE_USER:" "$DESTDIR/etc/passwd" || :)
    else
        entry=$(getent passwd "$SERVICE_USER" || :)
    fi
    [ -n "$entry" ] || return 1
    IFS=: read -r _ _ SERVICE_UID SERVICE_GID _ <<<"$entry"
}

# Give files to user:group ("service" or "root" each); without root there is nothing to give away.
give() {
    local owner=$1 uid=0 gid=0
    shift
    is_root && [ -n "$SERVICE_UID" ] || return 0
    if [ "${owner%%:*}" = service ]; then uid=$SERVICE_UID; fi
    if [ "${owner##*:}" = service ]; then gid=$SERVICE_GID; fi
    chown -h "$uid:$gid" -- "$@"
}

# Change something in a folder that the service's account may write to. As that account: a link that it laid there, by
# mistake or by malice, leads to nothing that is not its own. In DESTDIR nothing runs yet that could.
as_owner() {
    local owner=$1
    shift
    if [ "$owner" = service:service ] && [ -z "$DESTDIR" ] && is_root && [ "${SERVICE_UID:-0}" != 0 ]; then
        setpriv --reuid "$SERVICE_UID" --regid "$SERVICE_GID" --clear-groups --no-new-privs "$@"
    else
        "$@"
    fi
}

# Run a command as the service does: its user, its environment, its folder, and nothing of ours.
as_service() {
    local -a become=()
    if is_root && [ -n "$SERVICE_UID" ] && [ "$SERVICE_UID" != 0 ]; then
        become=(setpriv --reuid "$SERVICE_UID" --regid "$SERVICE_GID" --clear-groups --no-new-privs)
    fi
    (
        cd "$STATE" || exit 1
        umask 077
        exec "${become[@]}" env -i PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 COLUMNS=170 HOME="$STATE" \
            MPLCONFIGDIR="$STATE/cache/matplotlib" METERS_CONFIG_DIR="$CONFIG" METERS_SECRETS_DIR="$CONFIG/secrets" \
            METERS_DATA_DIR="$STATE" DAGSTER_HOME="$HOME_OF_DAGSTER" "$@"
    )
}

# One installation at a time. The lock goes with the process, however it ends.
take_turn() {
    mkdir -p "$(at "$PROGRAM")"
    exec 9>>"$(at "$PROGRAM")/.lock"
    flock --nonblock 9 || fail "$PROGRAM: another installation or update is under way. Wait for it to end."
}

# Megabytes available on the file system of a path that need not exist yet.
free_megabytes() {
    local path=$1
    while [ ! -e "$path" ]; do path=$(dirname "$path"); done
    df -m --output=avail "$path" | tail -n 1 | tr -d ' '
}

size_in_megabytes() {
    local path=$1
    shift
    if [ -e "$path" ]; then du -sm "$@" "$path" | cut -f 1; else printf '0'; fi
}

# Refuse before anything is touched when the machine has not room enough.
# $1: megabytes for the program, $2: megabytes for state and backup, $3: megabytes of memory.
need_room() {
    local program=$1 state=$2 memory=$3 free_program free_state free_memory
    free_program=$(free_megabytes "$(at "$PROGRAM")")
    free_state=$(free_megabytes "$(at "$STATE")")
    if [ "$(device_of "$(at "$PROGRAM")")" = "$(device_of "$(at "$STATE")")" ]; then
        program=$((program + state))
        state=0
    fi
    program=${METERS_NEED_DISK_MB:-$program}
    if [ "$free_program" -lt "$program" ]; then
        refuse "$PROGRAM: $free_program MB are free on its disk, and $program are needed. Make room; nothing was changed."
    fi
    if [ "$free_state" -lt "$state" ]; then
        refuse "$STATE: $free_state MB are free on its disk, and $state are needed for the backup. Make room; nothing was changed."
    fi
    memory=${METERS_NEED_MEMORY_MB:-$memory}
    free_memory=$(awk '/^(MemAvailable|SwapFree):/ { kilobytes += $2 } END { print int(kilobytes / 1024) }' /proc/meminfo)
    if [ "$free_memory" -lt "$memory" ]; then
        refuse "memory: $free_memory MB are available, and $memory are needed. Give the machine more; nothing was changed."
    fi
}

device_of() {
    local path=$1
    while [ ! -e "$path" ]; do path=$(dirname "$path"); done
    stat -c %d "$path"
}
