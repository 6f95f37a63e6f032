# shellcheck shell=bash
# Read by every bash (BASH_ENV): ends a script, with all that it started, before the command of that number since a step
# began (CUT_STEP, CUT_COMMAND), by a signal (CUT_SIGNAL). So it is the same command each time, however busy the machine.
set -o functrace
CUT_COUNT=0
cut_off() {
    CUT_COUNT=$((CUT_COUNT + 1))
    if [ "$CUT_COUNT" -ge "$CUT_COMMAND" ]; then
        trap - DEBUG
        kill "-$CUT_SIGNAL" 0
    fi
}
trap 'if [ "${STEP:-0}" -ge "$CUT_STEP" ]; then cut_off; fi' DEBUG
