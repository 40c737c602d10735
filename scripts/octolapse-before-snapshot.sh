#!/usr/bin/env bash
# Takes a full-size photo with rpicam-still while the portal lends it the camera; for Octolapse, once for each snapshot.
#
# Octolapse: Camera > Custom Camera Scripts > Before Snapshot Script: the path of this file; and as snapshot address
# http://127.0.0.1:18081/snap.jpg. The arguments that Octolapse gives are not needed. Streams stay connected meanwhile.
# The user who runs it must be allowed to write into the portal's runtime folder. docs/pause.md tells more.
#
# Environment (default):
#   CAMERA        the portal's camera number (0)
#   PORT          its port (18081 + CAMERA)
#   RUNTIME       its runtime folder (/run/camera-soft-stream)
#   PAUSE_FILE    as camN_pause_file ($RUNTIME/camN.pause)
#   SNAPSHOT      as camN_pause_snapshot ($RUNTIME/camN-snap.jpg): where the photo goes
#   OPTIONS       of rpicam-still (--nopreview --timeout 1000 --quality 93)
#   RELEASE_TIME  seconds that the portal may take to close the camera (20)
#   PHOTO_TIME    seconds that rpicam-still may take (30)
#
# Exit status: 0 the photo is there; 2 something is missing here; 3 the portal does not answer; 4 the camera cannot be
# had; 5 there is no photo. Whatever happens, the camera goes back to the portal; even after `kill -9` it does, once
# cam_pause_max seconds are over.
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

fail() { # STATUS SENTENCE
    printf '%s: %s\n' "${0##*/}" "$2" >&2
    exit "$1"
}

give_back() { # ends whoever may still have the camera, and only then the pause
    trap '' INT TERM HUP
    local photographer
    for photographer in $(jobs -p); do
        kill "$photographer" 2>/dev/null || true
        wait "$photographer" 2>/dev/null || true
    done
    if [ "$(cat "$PAUSE_FILE" 2>/dev/null)" = $$ ]; then rm -f "$PAUSE_FILE"; fi
    rm -f "$CLAIM" "$MESSAGES" "$PHOTO"
}

camera_id() { # prints the id that the portal opens its camera by
    no_proxy='*' python3 -c 'import json, sys, urllib.request
print(json.load(urllib.request.urlopen(sys.argv[1], timeout=5))["id"])' "http://127.0.0.1:$PORT/status.json" 2>/dev/null
}

end_of() { # ID: prints what stays the same when a new kernel renames the bus
    local before=${1%/*}
    case ${before##*/} in i2c@*) echo "${before##*/}/${1##*/}" ;; *) echo "${1##*/}" ;; esac
}

index_of() { # ID: prints the number that libcamera gives the camera today
    local line found number='' alike=()
    while read -r line; do
        [[ $line =~ ^([0-9]+)\ :\ .*\((.*)\)$ ]] || continue
        found=${BASH_REMATCH[2]}
        if [ "$found" = "$1" ]; then number=${BASH_REMATCH[1]}; fi
        if [ "$(end_of "$found")" = "$(end_of "$1")" ]; then alike+=("${BASH_REMATCH[1]}"); fi
    done < <("$still" --list-cameras 2>/dev/null)
    if [ -z "$number" ] && [ ${#alike[@]} = 1 ]; then number=${alike[0]}; fi
    echo "$number"
}

claim() { # makes the pause file, with our pid in it from the first moment; false when another program has one
    local status=0
    echo $$ >"$CLAIM" && ln "$CLAIM" "$PAUSE_FILE" 2>/dev/null || status=$?
    rm -f "$CLAIM"
    return $status
}

still=$(command -v rpicam-still || command -v libcamera-still) || fail 2 "rpicam-still is not installed"
[ -w "${PAUSE_FILE%/*}" ] || fail 2 "${PAUSE_FILE%/*} is not there, or user $(id -un) may not write into it"
id=$(camera_id) || fail 3 "no portal answers on port $PORT; is camera $CAMERA served there?"
index=$CAMERA
if [ -n "$id" ]; then
    index=$(index_of "$id")
    [ -n "$index" ] || fail 2 "rpicam-still --list-cameras does not list camera $id"
fi

trap give_back EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if ! claim; then
    owner=$(cat "$PAUSE_FILE" 2>/dev/null || true)
    # left behind by a program that is no more
    if [[ $owner =~ ^[0-9]+$ ]] && [ ! -d "/proc/$owner" ]; then rm -f "$PAUSE_FILE"; fi
    claim || fail 4 "$PAUSE_FILE is there already: ${owner:-another program} has the camera"
fi

deadline=$((SECONDS + RELEASE_TIME))
until [ "$(cat "$PAUSE_FILE.ack" 2>/dev/null)" = $$ ]; do
    [ $SECONDS -lt $deadline ] || fail 4 "the portal has not released the camera within $RELEASE_TIME s"
    sleep 0.05
done

# in the background, because a signal has to wait for what runs in the foreground
timeout -k 2 "$PHOTO_TIME" "$still" --camera "$index" "${OPTIONS[@]}" --output "$PHOTO" >/dev/null 2>"$MESSAGES" &
status=0
wait $! || status=$?
case $status in
0) ;;
124) fail 5 "rpicam-still took longer than $PHOTO_TIME s" ;;
*) fail 5 "rpicam-still ended with status $status: $(tail -n 1 "$MESSAGES")" ;;
esac
[ -s "$PHOTO" ] || fail 5 "rpicam-still left no photo"
chmod a+r "$PHOTO"
mv -f "$PHOTO" "$SNAPSHOT"
