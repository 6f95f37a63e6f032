# shellcheck shell=bash
# shellcheck disable=SC2153  # RELEASE is the new one, release an argument
# The backup before an update, and what a rollback takes from it.

BACKUP=
BACKUPS_KEPT=3
BACKUPS=$STATE/backups/before-update

# Back up the state with the release that owns it. Verified, or it does not count.
make_backup() {
    local release=$1 meters out
    meters=$PROGRAM/releases/$release/venv/bin/meters
    # What an update that was cut off did not finish; two do not run at once.
    rm -rf "$BACKUPS"/*.part
    if as_service "$meters" backup --help >/dev/null 2>&1; then
        out=$(as_service "$meters" backup --to "$BACKUPS" 2>&1) || {
            complain "$out"
            return 1
        }
        BACKUP=$(newest_backups | head -n 1)
    else
        BACKUP=$BACKUPS/state-$(date -u +%Y%m%dT%H%M%S.%3NZ)
        out=$(state_copy "$release" make "$STATE" "$CONFIG" "$BACKUP" 2>&1) || {
            complain "$out"
            return 1
        }
    fi
    say "$out" | sed 's/^/    /'
    [ -e "$BACKUP" ]
}

# The copy is made by the scripts of the new version, with the Python of the installed one.
state_copy() {
    local release=$1
    shift
    as_service "$PROGRAM/releases/$release/venv/bin/python" -I "$PROGRAM/releases/$RELEASE/src/deploy/install/state_copy.py" "$@"
}

newest_backups() {
    find "$BACKUPS" -mindepth 1 -maxdepth 1 \( -name 'meters-backup-*.tar.gz' -o -name 'state-*' ! -name '*.part' \) -printf '%T@ %p\n' \
        | LC_ALL=C sort -rn | cut -d ' ' -f 2-
}

# The newest few; an update a week would fill the disk.
thin_out_backups() {
    local one
    newest_backups | tail -n "+$((BACKUPS_KEPT + 1))" | while IFS= read -r one; do rm -rf "$one"; done
}

# An update that was cut off after the switch may have let the new version change the state. What a rollback needs then is
# the backup from before that switch, so its name is kept until a version serves again.
remember_backup() {
    local note
    note=$(at "$PROGRAM")/.backup-before-switch
    if [ "$(release_named_by current)" != "$1" ] && [ -f "$note" ] && [ -e "$(cat "$note")" ]; then
        BACKUP=$(cat "$note")
    fi
    printf '%s\n' "$BACKUP" >"$note.part"
    sync "$note.part"
    mv "$note.part" "$note"
}

forget_backup() { rm -f "$(at "$PROGRAM")/.backup-before-switch"; }

# A newer version may have brought the database forward, and an older one refuses it then. Nothing may be running.
bring_state_back() {
    local release=$1 unpacked=$STATE/.going-back
    [ -n "$BACKUP" ] || return 0
    if [ -d "$BACKUP" ]; then
        state_copy "$release" back "$STATE" "$BACKUP/state" || return 1
        return 0
    fi
    # Unpacked aside: into the house itself it would wait until the daemon's last sign of life is old.
    rm -rf "$unpacked"
    as_service "$PROGRAM/releases/$release/venv/bin/meters" restore "$BACKUP" --into "$unpacked" --only data >/dev/null || return 1
    state_copy "$release" back "$STATE" "$unpacked/data" || return 1
    rm -rf "$unpacked"
}
