#!/usr/bin/env bash
# Say where the store is, the time zone, and where the page listens: `make configure`. Asks, or takes variables:
#   METERS_BACKEND (embedded, influxdb), INFLUX_URL, INFLUX_ORG, INFLUX_TOKEN or INFLUX_TOKEN_FILE,
#   METERS_TIMEZONE, METERS_HOUSE_HOST, METERS_HOUSE_PORT, METERS_PAGE_HOST, METERS_PAGE_PORT, and for the house page's token
#   HOUSE_TOKEN or HOUSE_TOKEN_FILE; without one, it is made when the page is to listen beyond this machine
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=deploy/install/places.sh
. "$here/places.sh"
# shellcheck source=deploy/install/release.sh
. "$here/release.sh"
# shellcheck source=deploy/install/services.sh
. "$here/services.sh"

check_places
if [ -n "$DESTDIR" ]; then refuse "DESTDIR: configure a system where it runs."; fi
is_complete "$(release_named_by current)" || refuse "$PROGRAM: nothing is installed. Run make install-dagster."
take_turn
find_service_user || refuse "$SERVICE_USER: there is no such account. Run make install-dagster."

fingerprint() {
    find "$CONFIG" -maxdepth 2 -type f \( -name '*.yaml' -o -name '*.env' \) -exec sha256sum {} + | LC_ALL=C sort | sha256sum
}

before=$(fingerprint)
METERS_CONFIG=$CONFIG METERS_STATE=$STATE METERS_UID=$SERVICE_UID METERS_GID=$SERVICE_GID \
    "$PROGRAM/current/venv/bin/python" -I "$PROGRAM/current/src/deploy/install/configure.py"
after=$(fingerprint)
if [ "$before" = "$after" ]; then
    say "Nothing changed."
elif systemd_runs && ! systemctl is-active --quiet utility-meters-house.service; then
    say "Left out: restarting the services (they do not run). systemctl start $TARGET"
elif systemd_runs; then
    begun=$(date +%s.%N)
    systemctl try-restart "${SERVICES[@]}"
    page_serves "$begun" || fail "The services do not serve with this configuration. Mend what is said above."
    say "The page: $(pages)"
else
    say "Left out: restarting the services (systemd does not run here)."
fi
