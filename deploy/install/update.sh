#!/usr/bin/env bash
# Replace the installed version by this one: `make update-dagster`. Whenever it ends, one whole version is installed:
# the new one when it serves, else the old one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=deploy/install/places.sh
. "$here/places.sh"
# shellcheck source=deploy/install/release.sh
. "$here/release.sh"
# shellcheck source=deploy/install/house.sh
. "$here/house.sh"
# shellcheck source=deploy/install/services.sh
. "$here/services.sh"
# shellcheck source=deploy/install/backup.sh
. "$here/backup.sh"

RUNS_TIMEOUT=${METERS_RUNS_TIMEOUT:-900}
OLD=
SWITCHED=

# Go back to the release that served, after the new one did not.
roll_back() {
    trap '' INT TERM
    SWITCHED=
    say "    going back to $OLD"
    if systemd_runs; then systemctl stop "${SERVICES[@]}" || :; fi
    bring_state_back "$OLD" || complain "The state could not be brought back; the backup is $BACKUP."
    switch_to "$OLD"
    if systemd_runs; then
        begun=$(date +%s.%N)
        if restart_services && page_serves "$begun"; then
            forget_backup
            say "    $OLD serves again"
        else
            complain "$OLD is the current one again, but does not serve. See: journalctl -u 'utility-meters-*' -n 50"
        fi
    fi
}

on_exit() {
    local code=$?
    if [ -n "$SWITCHED" ]; then
        roll_back
        complain "The update to $RELEASE failed; $OLD is installed."
    else
        forget_unfinished_release
    fi
    exit "$code"
}

# A restart of the code server ends the runs inside it.
await_runs() {
    local python deadline count
    python=$PROGRAM/releases/$OLD/venv/bin/python
    deadline=$((SECONDS + RUNS_TIMEOUT))
    while :; do
        count=$(as_service "$python" -I "$PROGRAM/releases/$RELEASE/src/deploy/install/runs_under_way.py" 2>/dev/null) || count=0
        if [ "$count" = 0 ]; then return 0; fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            fail "Dagster: $count runs are still under way after $RUNS_TIMEOUT s. Let them end or cancel them on the page, and update again; $OLD was not touched."
        fi
        sleep 5
    done
}

umask 022
check_places
if [ -n "$DESTDIR" ]; then refuse "DESTDIR: an update is for a system that runs. Install into $DESTDIR instead."; fi
take_turn
OLD=$(release_named_by served)
is_complete "$OLD" || refuse "$PROGRAM: no version that has served is installed. Run make install-dagster."
find_service_user || refuse "$SERVICE_USER: there is no such account. Run make install-dagster."
trap 'exit 130' INT
trap 'exit 143' TERM
trap '' HUP
trap on_exit EXIT

step "Python, room on the disk, memory"
find_python
name_release
if [ "$RELEASE" = "$OLD" ] && [ "$(release_named_by current)" = "$OLD" ]; then
    say "$RELEASE is installed. Nothing to do."
    exit 0
fi
forget_other_releases
program=$(size_in_megabytes "$PROGRAM/releases/$OLD")
if is_complete "$RELEASE"; then program=0; fi
need_room $((program + program / 4 + 50)) $((3 * $(size_in_megabytes "$STATE" --exclude=backups) + 50)) 400

step "Release $RELEASE, beside $OLD"
build_release

step "Configuration, secrets, state: kept; new defaults laid beside"
lay_house

step "The configuration, checked by $RELEASE"
if ! release_accepts_configuration "$RELEASE"; then
    fail "$RELEASE does not accept the configuration in $CONFIG (above). Mend it and update again; $OLD was not touched."
fi

step "Runs under way"
await_runs

step "Backup"
make_backup "$OLD" || fail "No backup, no update. $OLD was not touched."

step "Release $RELEASE becomes the current one"
remember_backup "$OLD"
SWITCHED=yes
switch_to "$RELEASE"

step "Services"
if systemd_runs; then
    begun=$(date +%s.%N)
    restart_services || exit 1
    step "The page"
    page_serves "$begun" || exit 1
    say "    the page: $(pages)"
else
    say "    left out: restarting the services and asking the page (systemd does not run here)"
fi
SWITCHED=
settle_on "$RELEASE"
forget_backup
thin_out_backups
say "Updated: $OLD → $RELEASE."
