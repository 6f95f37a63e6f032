#!/usr/bin/env bash
# Remove the program and its services: `make uninstall-dagster`. Configuration, secrets and data stay, unless PURGE=1.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=deploy/install/places.sh
. "$here/places.sh"
# shellcheck source=deploy/install/services.sh
. "$here/services.sh"

PURGE=${PURGE:-}
case $PURGE in
    "" | 0 | no) PURGE= ;;
    1 | yes) PURGE=yes ;;
    *) refuse "PURGE: '$PURGE' is neither 1 nor 0. PURGE=1 removes configuration, secrets and data too." ;;
esac
check_places
if [ -d "$(at "$PROGRAM")" ]; then take_turn; fi
find_service_user || :

step "Services"
if systemd_runs; then
    systemctl stop "$TARGET" utility-meters-proxy.service "${SERVICES[@]}" 2>/dev/null || :
else
    say "    left out: stopping the services (systemd does not run here)"
fi
for unit in "${UNIT_FILES[@]}"; do
    rm -f "$(at "$UNITS/$unit")" "$(at "$UNITS/$unit").yours" "$(at "$UNITS/multi-user.target.wants/$unit")"
done
rm -rf "$(at "$UNITS/$TARGET.wants")" "$(at "$UNITS/.utility-meters.new")"
if systemd_runs; then systemctl daemon-reload; fi

step "Program"
if [ "$(readlink "$(at "$COMMAND")" || :)" = "$PROGRAM/current/bin/meters" ]; then rm -f "$(at "$COMMAND")"; fi
# The marks go first: cut off in between, what is left must not pass for an installation.
rm -f "$(at "$PROGRAM")"/{current,served,previous} "$(at "$PROGRAM")"/releases/*/complete
rm -rf "$(at "$PROGRAM")"

if [ -z "$PURGE" ]; then
    say "Removed. Kept: $CONFIG (configuration, secrets), $STATE (readings, days, history). PURGE=1 removes them too."
    exit 0
fi
step "Configuration, secrets, data"
rm -rf "$(at "$CONFIG")" "$(at "$STATE")" "$(at "$UNITS")"/utility-meters-*.service.d
# The proxy's account exists only while it runs; systemd keeps its state in a folder of its own, with a link to it.
rm -rf "$(at "$STATE-proxy")" "$(at "$(dirname "$STATE")/private/utility-meters-proxy")"
if [ -n "$SERVICE_UID" ] && is_root && [ "$SERVICE_USER" = utility-meters ]; then
    if [ -n "$DESTDIR" ]; then
        userdel --prefix "$DESTDIR" "$SERVICE_USER" 2>/dev/null || :
    elif [ -z "$PREFIX" ]; then
        userdel "$SERVICE_USER"
    fi
fi
say "Removed, with configuration, secrets and data."
