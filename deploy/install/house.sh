# shellcheck shell=bash
# What belongs to the owner: account, configuration, secrets, state. Made where missing, never written over.

make_service_user() {
    if find_service_user; then return 0; fi
    if ! is_root; then
        say "    left out: the account $SERVICE_USER, and files owned by it (not root)"
        return 0
    fi
    if [ -n "$DESTDIR" ] && [ -f "$DESTDIR/etc/passwd" ]; then
        useradd --prefix "$DESTDIR" --system --user-group --no-create-home --home-dir "$STATE" --shell /usr/sbin/nologin "$SERVICE_USER"
    elif [ -z "$PREFIX$DESTDIR" ]; then
        useradd --system --user-group --no-create-home --home-dir "$STATE" --shell /usr/sbin/nologin "$SERVICE_USER"
    else
        say "    left out: the account $SERVICE_USER, and files owned by it (no etc/passwd in $DESTDIR$PREFIX)"
        return 0
    fi
    find_service_user || fail "$SERVICE_USER: the account could not be made. Make it, and try again."
}

# $1: folder, $2: mode, $3: owner
keep_folder() {
    mkdir -p "$(at "$1")"
    give "$3" "$(at "$1")"
    as_owner "$3" chmod "$2" "$(at "$1")"
}

# Create a file if it does not exist, atomically.
# $1: from, $2: to, $3: mode, $4: owner
lay() {
    local to draft
    to=$(at "$2")
    if [ -e "$to" ] || [ -L "$to" ]; then return 0; fi
    draft=$to.part
    as_owner "$4" rm -f "$draft"
    (umask 077 && as_owner "$4" cp "$1" "$draft")
    as_owner "$4" chmod "$3" "$draft"
    give "$4" "$draft"
    as_owner "$4" sync "$draft"
    as_owner "$4" mv -n "$draft" "$to"
    as_owner "$4" rm -f "$draft"
}

# Put our own file, replacing an older one of ours.
lay_ours() {
    local to
    to=$(at "$2")
    if ! cmp -s "$1" "$to"; then
        rm -f "$to"
        lay "$@"
    fi
}

# Lay a new default beside the owner's file, when the default has changed since the release that served before.
# $1: path in the source, $2: the owner's file, $3: mode, $4: owner
lay_beside() {
    local shipped own before
    shipped=$(at "$PROGRAM/releases/$RELEASE/src/$1")
    own=$(at "$2")
    before=$(at "$PROGRAM/served/src/$1")
    lay "$shipped" "$2" "$3" "$4"
    if cmp -s "$shipped" "$own"; then
        rm -f "$own.new"
    elif [ -e "$(at "$PROGRAM/served")" ] && ! cmp -s "$shipped" "$before" && ! cmp -s "$shipped" "$own.new"; then
        lay_ours "$shipped" "$2.new" "$3" "$4"
        say "    $2 is yours and stays; what the new version would write is beside it: $2.new"
    fi
}

lay_house() {
    local source path
    source=$(at "$PROGRAM/releases/$RELEASE/src")
    keep_folder "$CONFIG" 0750 root:service
    keep_folder "$CONFIG/secrets" 0700 service:service
    keep_folder "$STATE" 0750 service:service
    keep_folder "$HOME_OF_DAGSTER" 0750 service:service
    for path in "$source"/config/*.yaml; do
        lay_beside "config/$(basename "$path")" "$CONFIG/$(basename "$path")" 0640 root:service
    done
    lay_beside deploy/install/service.env "$CONFIG/service.env" 0640 root:service
    lay_beside deploy/dagster.yaml "$HOME_OF_DAGSTER/dagster.yaml" 0640 service:service
    for path in "$source"/secrets/README.md "$source"/secrets/*.example; do
        if [ -f "$path" ]; then lay_ours "$path" "$CONFIG/secrets/$(basename "$path")" 0600 service:service; fi
    done
    lay_ours "$source/../systemd/proxy.conf.example" "$CONFIG/secrets/proxy.conf.example" 0600 service:service
    # Whoever wrote a secret as root, or with a wide umask, meant this all the same.
    for path in "$(at "$CONFIG/secrets")"/*; do
        if [ -f "$path" ] && [ ! -L "$path" ]; then
            give service:service "$path"
            as_owner service:service chmod 0600 "$path"
        fi
    done
}
