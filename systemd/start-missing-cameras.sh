#!/bin/sh
# Starts the units that are down because their camera was not there: those that ended with 66, and no others. A unit that
# its owner has disabled stays down.
# One that is just starting may have looked a moment too early; it is waited for, and started again if it ends with 66.
set -eu
for unit in $(systemctl list-units --all --plain --no-legend 'camera-soft-cam@*.service' | cut -d ' ' -f 1); do
    systemctl is-enabled --quiet "$unit" || continue
    state=$(systemctl show --value --property ActiveState "$unit")
    if [ "$state" = activating ]; then
        systemctl start "$unit" || true # its end is looked at next
    fi
    if [ "$(systemctl show --value --property ActiveState "$unit")" = failed ] &&
        [ "$(systemctl show --value --property ExecMainStatus "$unit")" = 66 ]; then
        systemctl start --no-block "$unit"
    fi
done
