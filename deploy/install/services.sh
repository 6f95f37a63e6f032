# shellcheck shell=bash
# The systemd side: units, starting, and whether the page answers.

PAGE_TIMEOUT=${METERS_PAGE_TIMEOUT:-180}
PAGE_PAUSE=${METERS_PAGE_PAUSE:-1}

# With PREFIX a system may be simulated below it; with DESTDIR nothing runs.
systemd_runs() { [ -z "$DESTDIR" ] && [ -d "$PREFIX/run/systemd/system" ]; }

UNIT_FILES=("${SERVICES[@]}" "$TARGET" utility-meters-proxy.service)

# Units are files, not links into `current`: `systemctl enable` would follow such a link and write down the release's
# own folder. What differs is laid ready first, so that next to nothing is left to do once the release is switched.
stage_units() {
    local unit shipped installed ready
    ready=$(at "$UNITS")/.utility-meters.new
    rm -rf "$ready"
    for unit in "${UNIT_FILES[@]}"; do
        shipped=$(at "$PROGRAM/releases/$1/systemd/$unit")
        installed=$(at "$UNITS/$unit")
        if [ -L "$installed" ]; then
            say "    $UNITS/$unit is a link of yours (masked?) and stays"
        elif [ ! -e "$shipped" ]; then
            # A release of before there was this service.
            rm -f "$installed"
        elif ! cmp -s "$shipped" "$installed"; then
            if [ -e "$installed" ] && ! is_of_a_release "$unit"; then
                cp -p "$installed" "$installed.yours"
                say "    $UNITS/$unit was changed by hand: now in $unit.yours. Use systemctl edit, which lasts."
            fi
            mkdir -p "$ready"
            cp "$shipped" "$ready/$unit"
            chmod 0644 "$ready/$unit"
            sync "$ready/$unit"
        fi
    done
}

is_of_a_release() {
    local one
    for one in "$(at "$PROGRAM")"/releases/*/systemd/"$1"; do
        if cmp -s "$one" "$(at "$UNITS/$1")"; then return 0; fi
    done
    return 1
}

place_units() {
    local ready
    ready=$(at "$UNITS")/.utility-meters.new
    if [ -d "$ready" ]; then
        mv -f -t "$(at "$UNITS")" "$ready"/*
        rmdir "$ready"
    fi
}

link_command() {
    local link
    link=$(at "$COMMAND")
    if [ -e "$link" ] && [ ! -L "$link" ]; then
        say "    $COMMAND is yours and stays; ours is $PROGRAM/current/bin/meters"
    elif [ "$(readlink "$link" || :)" != "$PROGRAM/current/bin/meters" ]; then
        mkdir -p "$(dirname "$link")"
        ln -sfn "$PROGRAM/current/bin/meters" "$link"
    fi
}

# Switch release and units together.
switch_to() {
    stage_units "$1"
    point current "$1"
    place_units
    link_command
}

# Only at the first installation: who turns it off later means that.
enable_target() {
    local wants
    wants=$(at "$UNITS/multi-user.target.wants")
    mkdir -p "$wants"
    if [ ! -L "$wants/$TARGET" ]; then ln -s "../$TARGET" "$wants/$TARGET"; fi
}

setting_of_service() {
    local value
    value=$(sed -n "s/^[[:space:]]*$1=[\"']\{0,1\}\([^\"'#[:space:]]*\).*/\1/p" "$CONFIG/service.env" 2>/dev/null | tail -n 1)
    printf '%s' "${value:-$2}"
}

page_host() { setting_of_service METERS_PAGE_HOST 127.0.0.1; }
page_port() { setting_of_service METERS_PAGE_PORT 3000; }
house_host() { setting_of_service METERS_HOUSE_HOST 127.0.0.1; }
house_port() { setting_of_service METERS_HOUSE_PORT 8006; }

# Where what was started can be looked at.
pages() {
    find_wanted
    case " ${WANTED[*]} " in *" utility-meters-house.service "*) printf 'http://%s:%s ' "$(house_host)" "$(house_port)" ;; esac
    case " ${WANTED[*]} " in *" utility-meters-webserver.service "*) printf "Dagster's: http://%s:%s" "$(page_host)" "$(page_port)" ;; esac
}

# Mask what is not wanted on a machine with the house page alone.
leave_out_dagster() {
    local unit
    mkdir -p "$(at "$UNITS")"
    for unit in "${OF_DAGSTER[@]}"; do ln -sfn /dev/null "$(at "$UNITS/$unit")"; done
}

# All services but those that the owner has masked.
WANTED=()
find_wanted() {
    local unit
    WANTED=()
    for unit in "${SERVICES[@]}"; do
        if [ -e "$(at "$UNITS/$unit")" ] && [ "$(readlink "$(at "$UNITS/$unit")" || :)" != /dev/null ]; then
            WANTED+=("$unit")
        fi
    done
}

start_services() { find_wanted && systemctl daemon-reload && systemctl start "$TARGET" "${WANTED[@]}"; }
restart_services() {
    find_wanted && systemctl daemon-reload && systemctl restart "${WANTED[@]}" && systemctl start "$TARGET"
}

# Query all wanted services at once: how many run, and how often systemd has restarted one.
RUNNING=0
RESTARTS=0
look_at_services() {
    local line
    RUNNING=0
    RESTARTS=0
    if [ "${#WANTED[@]}" = 0 ]; then return 0; fi
    while IFS= read -r line; do
        case $line in
            ActiveState=active) RUNNING=$((RUNNING + 1)) ;;
            NRestarts=[0-9]*) RESTARTS=$((RESTARTS + ${line#*=})) ;;
        esac
    done < <(systemctl show --property NRestarts --property ActiveState "${WANTED[@]}" 2>/dev/null || :)
}

# Ask the pages that are wanted. Exit codes as page_answers.py has them.
ask_pages() {
    local python=$1 alive_since=$2
    case " ${WANTED[*]} " in
        *" utility-meters-house.service "*)
            "$python" -I -S "$SCRIPTS/house_answers.py" "$(house_host)" "$(house_port)" || return
            ;;
    esac
    case " ${WANTED[*]} " in
        *" utility-meters-webserver.service "*)
            "$python" -I -S "$SCRIPTS/page_answers.py" "$(page_host)" "$(page_port)" "$alive_since" || return
            ;;
    esac
}

# Wait until the pages serve, all services run and the daemon has sent a heartbeat. Problems are printed.
# (A bare `return` in what a trap calls would return the status of what failed before: say 0.)
# $1: seconds since 1970 from which on a sign of life counts.
page_serves() {
    local python deadline found code before refusals=0 alive_since=$1
    python=$(at "$PROGRAM/current")/venv/bin/python
    deadline=$((SECONDS + PAGE_TIMEOUT))
    find_wanted
    # A restart by hand does not always set systemd's count back.
    look_at_services
    before=$RESTARTS
    case " ${WANTED[*]} " in *" utility-meters-daemon.service "*) ;; *) alive_since=never ;; esac
    while :; do
        code=0
        found=$(ask_pages "$python" "$alive_since") || code=$?
        look_at_services
        if [ "$code" = 0 ] && [ "$RUNNING" = "${#WANTED[@]}" ]; then return 0; fi
        # Once may be the code server's first second.
        if [ "$code" = 3 ]; then refusals=$((refusals + 1)); else refusals=0; fi
        if [ "$refusals" -ge 8 ]; then
            complain "$found"
            complain "The page answers, but the meters do not load (above)."
            return 1
        fi
        if [ "$((RESTARTS - before))" -ge 3 ]; then
            complain "A service ends again and again. See: journalctl -u 'utility-meters-*' -n 50"
            return 1
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            complain "$(pages): no page serves the meters after $PAGE_TIMEOUT s. See: journalctl -u 'utility-meters-*' -n 50"
            return 1
        fi
        sleep "$PAGE_PAUSE"
    done
}

# `meters check` of a release with the live configuration, as the service would run it. Data and Dagster's home are empty
# ones: opening the live ones would bring them forward to this release while another one still works with them.
release_accepts_configuration() {
    local out good=yes scratch
    scratch=$(mktemp -d -t utility-meters-check.XXXXXXXX)
    give service:service "$scratch"
    out=$(as_service env METERS_DATA_DIR="$scratch" DAGSTER_HOME="$scratch/dagster_home" \
        "$PROGRAM/releases/$1/venv/bin/meters" check 2>&1) || good=
    rm -rf "$scratch"
    if [ -n "$good" ]; then return 0; fi
    printf '%s\n' "$out" | tail -n 25 >&2 || :
    return 1
}
