#!/usr/bin/env bash
# Install utility-meters on this machine: `make install-dagster`; with METERS_ONLY=house the house page alone:
# `make install-dashboard`. Doing it again changes nothing, and mends what is missing.
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

umask 022
check_places
take_turn
trap 'exit 130' INT
trap 'exit 143' TERM
trap '' HUP
trap forget_unfinished_release EXIT

step "Python, room on the disk, memory"
find_python
find_service_user || :
name_release
installed=$(release_named_by served)
if [ -n "$installed" ] && [ "$installed" != "$RELEASE" ]; then
    say "    $installed is installed; this is an update to $RELEASE"
    exec 9>&-
    exec "$here/update.sh"
fi
forget_other_releases
if ! is_complete "$RELEASE"; then need_room 2000 500 900; fi

step "Account $SERVICE_USER"
make_service_user

step "Release $RELEASE"
# Without a release that serves there is nothing to keep: what a broken attempt left behind makes room.
build_release

step "Configuration, secrets, state"
lay_house

step "The configuration, checked"
if [ -n "$DESTDIR" ]; then
    say "    left out: DESTDIR is where things are put, not where they run"
elif ! release_accepts_configuration "$RELEASE"; then
    fail "$CONFIG: the configuration is not good (above). Mend it and install again; nothing runs yet."
fi

step "Release $RELEASE becomes the current one"
first_time=
if [ -z "$installed" ]; then first_time=yes; fi
if [ "${METERS_ONLY:-}" = house ]; then leave_out_dagster; fi
running=$(release_named_by current)
switch_to "$RELEASE"
if [ -n "$first_time" ]; then enable_target; fi

step "Services"
if systemd_runs; then
    # An update that was cut off may have left another release running.
    # A daemon that has been at work all along gives a sign every half minute.
    begin=start_services alive_since=$(($(date +%s) - 300))
    if [ -n "$running" ] && [ "$running" != "$RELEASE" ]; then begin=restart_services alive_since=$(date +%s.%N); fi
    "$begin" || fail "systemctl: the services could not be started. See: journalctl -u 'utility-meters-*' -n 50"
    page_serves "$alive_since" || fail "The installation is there, but does not serve. Mend what is said above and install again."
    say "    the page: $(pages)"
else
    say "    left out: starting the services (systemd does not run here); they start with the machine"
fi
settle_on "$RELEASE"
say "Installed: $RELEASE. Configuration: $CONFIG. State: $STATE."
if [ -n "$first_time" ]; then say "It is the sample household until you describe yours in $CONFIG/meters.yaml; make configure sets the store."; fi
