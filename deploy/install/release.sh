# shellcheck shell=bash
# Releases: each whole in a folder of its own, and `current`, the link that says which one is used.
#
#   releases/<version>-<hash>/{src,venv,systemd,bin,complete}
#   current    the release that is used; switched by rename, so that it names the old one or the new one
#   served     the release whose page answered last: where a failed update goes back to
#   previous   the one served before it

SHIPPED=(pyproject.toml constraints.txt README.md CHANGELOG.md Makefile workflows_dagster config secrets deploy docs)
PYTHON=${PYTHON:-}
PYTHON_BUILD=
PIP_ARGS=${PIP_ARGS:-}
RELEASE=
RELEASE_IS_OURS_TO_REMOVE=

# Print the version of a Python if it is 3.11 or newer and can make virtual environments; else print nothing.
good_python() {
    "$1" -I -S -c 'import os, sys
from importlib.util import find_spec
if sys.version_info < (3, 11) or not (find_spec("venv") and find_spec("ensurepip")):
    sys.exit(1)
print(sys.version, os.uname().machine)' 2>/dev/null
}

# Choose a Python; install Debian's if there is none.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
        if candidate=$(command -v "$candidate") && PYTHON_BUILD=$(good_python "$candidate"); then
            PYTHON=$candidate
            return 0
        fi
    done
    if [ -n "$PYTHON" ]; then
        refuse "PYTHON: '$PYTHON' is no Python from 3.11 on that can make virtual environments. Name another."
    fi
    if ! is_root || [ -n "$PREFIX$DESTDIR" ] || ! command -v apt-get >/dev/null; then
        refuse "python3: none from 3.11 on that can make virtual environments. Install python3 and python3-venv."
    fi
    say "    python3 and python3-venv come from Debian's packages"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv; } \
        >/dev/null || fail "apt-get: python3 and python3-venv could not be installed. Install them, and try again."
    PYTHON=$(command -v python3)
    PYTHON_BUILD=$(good_python "$PYTHON") || refuse "python3: $("$PYTHON" -V) is older than 3.11. Use Debian 12 or later."
}

# List the files of a release, relative to the source. Everyone can read the folder of a release, so files that may hold
# secrets are left out.
shipped_files() {
    local name
    cd "$SOURCE" || return 1
    for name in "${SHIPPED[@]}"; do
        [ -e "$name" ] || continue
        find "$name" -type d \( -name __pycache__ -o -name '.*' \) -prune -o -type f ! -name '*.pyc' \( \
            -path 'secrets/*.example' -o -path secrets/README.md -o -path deploy/install/service.env \
            -o ! -path 'secrets/*' ! -name '*.env' \) -print
    done | LC_ALL=C sort
}

# Name the release after a digest of its contents, so that equal contents give the same name.
name_release() {
    local version hash
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$SOURCE/pyproject.toml" | head -n 1)
    hash=$(
        {
            shipped_files | (cd "$SOURCE" && xargs -d '\n' sha256sum)
            printf '%s\n' "$PYTHON_BUILD" "$PREFIX" "$DESTDIR" "$SERVICE_USER" "$PIP_ARGS"
        } | sha256sum | cut -c 1-12
    )
    RELEASE=$version-$hash
}

release_named_by() {
    local target
    target=$(readlink "$(at "$PROGRAM/$1")" 2>/dev/null || :)
    printf '%s' "${target##*/}"
}

is_complete() { [ -n "$1" ] && [ -f "$(at "$PROGRAM/releases/$1")/complete" ]; }

# Make the release's folder, unless it exists and is complete.
build_release() {
    local folder log
    folder=$(at "$PROGRAM/releases/$RELEASE")
    if is_complete "$RELEASE"; then
        say "    $RELEASE is there already"
        return 0
    fi
    log=$folder/install.log
    RELEASE_IS_OURS_TO_REMOVE=yes
    rm -rf "$folder"
    mkdir -p "$folder/src"
    shipped_files | tar -C "$SOURCE" --no-recursion -cf - -T - | tar -C "$folder/src" --no-same-owner -xf -
    "$PYTHON" -m venv "$folder/venv" >"$log" 2>&1 || show_log_and_fail "$log" "the virtual environment cannot be made"
    # Where packages come from is pip's own configuration.
    # shellcheck disable=SC2086  # PIP_ARGS is a list of words.
    "$folder/venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --constraint "$folder/src/constraints.txt" $PIP_ARGS "$folder/src" >"$log" 2>&1 \
        || show_log_and_fail "$log" "pip could not install the packages"
    rm -rf "$folder/src/build" "$folder"/src/*.egg-info
    render "$folder"
    if [ -n "$DESTDIR" ]; then
        # The scripts will be called where DESTDIR is no more.
        { grep -rlIF "$folder" "$folder/venv/bin" "$folder/venv/pyvenv.cfg" || :; } | xargs -r sed -i "s|$folder|${folder#"$DESTDIR"}|g"
    fi
    chmod -R u=rwX,go=rX "$folder"
    if is_root; then chown -Rh 0:0 "$folder"; fi
    # On the disk before it is called complete: a power cut must not leave empty files under that name.
    sync -f "$folder"
    printf '%s\n' "$RELEASE" >"$folder/complete.part"
    mv "$folder/complete.part" "$folder/complete"
    RELEASE_IS_OURS_TO_REMOVE=
}

# Write units and commands with this installation's places.
render() {
    local folder=$1 path
    mkdir -p "$folder/systemd" "$folder/bin"
    for path in "$folder"/src/deploy/systemd/*; do
        with_places "$path" "$folder/systemd/$(basename "$path")"
    done
    for path in meters service; do
        with_places "$folder/src/deploy/install/$path.sh" "$folder/bin/$path"
        chmod +x "$folder/bin/$path"
    done
}

with_places() {
    sed -e "s|/opt/utility-meters|$PROGRAM|g" -e "s|/etc/utility-meters|$CONFIG|g" \
        -e "s|/var/lib/utility-meters|$STATE|g" -e "s|^User=utility-meters$|User=$SERVICE_USER|" \
        -e "s|^Group=utility-meters$|Group=$(service_group)|" -e "s|^account=utility-meters$|account=$SERVICE_USER|" \
        -e "s|@RELEASE@|$RELEASE|g" \
        "$1" >"$2"
}

groups_there() {
    if [ -z "$DESTDIR" ]; then getent group; elif [ -f "$DESTDIR/etc/group" ]; then cat "$DESTDIR/etc/group"; fi
}

service_group() {
    local name
    name=$(groups_there | awk -F: -v gid="$SERVICE_GID" '$3 == gid && name == "" { name = $1 } END { print name }')
    printf '%s' "${name:-$SERVICE_USER}"
}

show_log_and_fail() {
    tail -n 15 "$1" >&2 || :
    fail "$RELEASE: $2 (above: the end of what it said). Mend that and try again; the installed version was not touched."
}

forget_unfinished_release() {
    if [ -n "$RELEASE_IS_OURS_TO_REMOVE" ]; then rm -rf "$(at "$PROGRAM/releases/$RELEASE")"; fi
}

# Point a link to a release, atomically by a rename.
point() {
    local link=$1 release=$2 folder
    [ "$(release_named_by "$link")" != "$release" ] || return 0
    folder=$(at "$PROGRAM")
    rm -f "$folder/.$link.new"
    ln -s "releases/$release" "$folder/.$link.new"
    mv -T "$folder/.$link.new" "$folder/$link"
    sync "$folder"
}

# Remember that a release serves.
settle_on() {
    local served
    served=$(release_named_by served)
    if [ -n "$served" ] && [ "$served" != "$1" ]; then point previous "$served"; fi
    point served "$1"
    forget_other_releases
}

# Remove the mark first, so that an interrupted removal does not leave a folder that passes for complete.
remove_release() {
    rm -f "$1/complete"
    rm -rf "$1"
}

# Remove releases that no rollback needs: older, failed and incomplete ones.
forget_other_releases() {
    local folder kept
    kept="/$RELEASE/$(release_named_by current)/$(release_named_by served)/$(release_named_by previous)/"
    for folder in "$(at "$PROGRAM")"/releases/*; do
        case $kept in
            *"/${folder##*/}/"*) ;;
            *) remove_release "$folder" ;;
        esac
    done
}
