#!/usr/bin/env bash
# Takes a full-size photo with rpicam-still while camera-soft-stream is paused; Octolapse runs it before each snapshot.
#
# In Octolapse: set Camera > Custom Camera Scripts > Before Snapshot Script to the path of this file, and the snapshot
# address to http://127.0.0.1:18081/snap.jpg. The arguments from Octolapse are ignored. Streams stay connected.
# The user who runs it needs write access to the runtime folder of the server. See docs/pause.md.
#
# Environment (default):
#   CAMERA        number of the camera (0)
#   PORT          port of its server (18081 + CAMERA)
#   RUNTIME       runtime folder of the server (/run/camera-soft-stream)
#   PAUSE_FILE    as camN_pause_file ($RUNTIME/camN.pause)
#   SNAPSHOT      as camN_pause_snapshot ($RUNTIME/camN-snap.jpg): the file for the photo
#   OPTIONS       options of rpicam-still (--nopreview --timeout 1000 --quality 93)
#   RELEASE_TIME  time limit in seconds for the server to close the camera (20)
#   PHOTO_TIME    time limit in seconds for rpicam-still (30)
#
# Exit status: 0 the photo was taken; 2 something is missing on this machine; 3 the server does not reply; 4 the camera
# is not available; 5 there is no photo. In every case the server gets the camera back; after `kill -9` when
# cam_pause_max seconds have passed.
set -euo pipefail

CAMERA=${CAMERA:-0}
PORT=${PORT:-$((18081 + CAMERA))}
RUNTIME=${RUNTIME:-/run/camera-soft-stream}
PAUSE_FILE=${PAUSE_FILE:-$RUNTIME/cam$CAMERA.pause}
SNAPSHOT=${SNAPSHOT:-$RUNTIME/cam$CAMERA-snap.jpg}
read -ra OPTIONS <<<"${OPTIONS:---nopreview --timeout 1000 --quality 93}"
RELEASE_TIME=${RELEASE_TIME:-20}
PHOTO_TIME=${PHOTO_TIME:-30}

CLAIM=$PAUSE_FILE.$$
MESSAGES=$PAUSE_FILE.$$.log
PHOTO=${SNAPSHOT%.jpg}.$$.jpg

fail() { # STATUS MESSAGE
    printf '%s: %s\n' "${0##*/}" "$2" >&2
    exit "$1"
}

release_camera() { # stop rpicam-still if it still runs, then end the pause
    trap '' INT TERM HUP
    local pid
    for pid in $(jobs -p); do
        # the whole group: a signal just after its fork ends `timeout` and not its child
        kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        for _ in {1..100}; do
            kill -KILL -- "-$pid" 2>/dev/null || break
            sleep 0.02
        done
    done
    if [ "$(cat "$PAUSE_FILE" 2>/dev/null)" = $$ ]; then rm -f "$PAUSE_FILE"; fi
    rm -f "$CLAIM" "$MESSAGES" "$PHOTO"
}

camera_id() { # print the id of the camera in the server's settings
    no_proxy='*' python3 -c 'import json, sys, urllib.request
print(json.load(urllib.request.urlopen(sys.argv[1], timeout=5))["id"])' "http://127.0.0.1:$PORT/status.json" 2>/dev/null
}

stable_part() { # ID: print the part of the id that does not change when a new kernel renames the bus
    local before=${1%/*}
    case ${before##*/} in i2c@*) echo "${before##*/}/${1##*/}" ;; *) echo "${1##*/}" ;; esac
}

index_of() { # ID: print the number that libcamera gives the camera now
    local line found number='' alike=()
    while read -r line; do
        [[ $line =~ ^([0-9]+)\ :\ .*\((.*)\)$ ]] || continue
        found=${BASH_REMATCH[2]}
        if [ "$found" = "$1" ]; then number=${BASH_REMATCH[1]}; fi
        if [ "$(stable_part "$found")" = "$(stable_part "$1")" ]; then alike+=("${BASH_REMATCH[1]}"); fi
    done < <("$still" --list-cameras 2>/dev/null)
    if [ -z "$number" ] && [ ${#alike[@]} = 1 ]; then number=${alike[0]}; fi
    echo "$number"
}

claim() { # create the pause file with our pid in it, in one step; fail if another program has created one
    local status=0
    echo $$ >"$CLAIM" && ln "$CLAIM" "$PAUSE_FILE" 2>/dev/null || status=$?
    rm -f "$CLAIM"
    return $status
}

still=$(command -v rpicam-still || command -v libcamera-still) || fail 2 "rpicam-still is not installed"
[ -w "${PAUSE_FILE%/*}" ] || fail 2 "${PAUSE_FILE%/*} does not exist, or user $(id -un) may not write to it"
id=$(camera_id) || fail 3 "no server replies on port $PORT; is camera $CAMERA served there?"
index=$CAMERA
if [ -n "$id" ]; then
    index=$(index_of "$id")
    [ -n "$index" ] || fail 2 "rpicam-still --list-cameras does not list camera $id"
fi

trap release_camera EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if ! claim; then
    owner=$(cat "$PAUSE_FILE" 2>/dev/null || true)
    # left behind by a program that has ended
    if [[ $owner =~ ^[0-9]+$ ]] && [ ! -d "/proc/$owner" ]; then rm -f "$PAUSE_FILE"; fi
    claim || fail 4 "$PAUSE_FILE already exists: ${owner:-another program} uses the camera"
fi

deadline=$((SECONDS + RELEASE_TIME))
until [ "$(cat "$PAUSE_FILE.ack" 2>/dev/null)" = $$ ]; do
    [ $SECONDS -lt $deadline ] || fail 4 "the server has not released the camera within $RELEASE_TIME s"
    sleep 0.05
done

# in the background, because the shell handles a signal only after a foreground command has ended
timeout -k 2 "$PHOTO_TIME" "$still" --camera "$index" "${OPTIONS[@]}" --output "$PHOTO" >/dev/null 2>"$MESSAGES" &
status=0
wait $! || status=$?
case $status in
0) ;;
124) fail 5 "rpicam-still took longer than $PHOTO_TIME s" ;;
*) fail 5 "rpicam-still exited with status $status: $(tail -n 1 "$MESSAGES")" ;;
esac
[ -s "$PHOTO" ] || fail 5 "rpicam-still left no photo"
chmod a+r "$PHOTO"
mv -f "$PHOTO" "$SNAPSHOT"
