#!/bin/sh
# Starts the units that are down because their camera was not connected: those that exited with 66, and no others. A
# disabled unit stays down. A unit that is just starting may have looked for its camera a moment too early: the script
# waits for it, and starts it again if it exits with 66.
set -eu
for unit in $(systemctl list-units --all --plain --no-legend 'camera-soft-cam@*.service' | cut -d ' ' -f 1); do
    systemctl is-enabled --quiet "$unit" || continue
    state=$(systemctl show --value --property ActiveState "$unit")
    if [ "$state" = activating ]; then
        systemctl start "$unit" || true # its result is checked next
    fi
    if [ "$(systemctl show --value --property ActiveState "$unit")" = failed ] &&
        [ "$(systemctl show --value --property ExecMainStatus "$unit")" = 66 ]; then
        systemctl start --no-block "$unit"
    fi
done
