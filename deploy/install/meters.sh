#!/bin/sh
# `meters …` over the installed house: with its configuration, and as the account that owns its data.
set -eu
account=utility-meters
umask 077
export METERS_CONFIG_DIR=/etc/utility-meters METERS_SECRETS_DIR=/etc/utility-meters/secrets
export METERS_DATA_DIR=/var/lib/utility-meters DAGSTER_HOME=/var/lib/utility-meters/dagster_home
export HOME=/var/lib/utility-meters MPLCONFIGDIR=/var/lib/utility-meters/cache/matplotlib LANG="${LANG:-C.UTF-8}"
if [ "$(id -un)" = "$account" ]; then
    exec /opt/utility-meters/current/venv/bin/meters "$@"
elif [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid "$account" --regid "$(id -g "$account")" --init-groups --no-new-privs \
        /opt/utility-meters/current/venv/bin/meters "$@"
fi
echo "meters: user $(id -un) may not read the house's data. Run it as root, or as $account." >&2
exit 2
