#!/usr/bin/env bash
# Takes a full-size photo with rpicam-still while camera-soft-stream is paused; Octolapse runs it before each snapshot.
#
# In Octolapse: set Camera > Custom Camera Scripts > Before Snapshot Script to the path of this file, and the snapshot
# address to http://127.0.0.1:18081/snap.jpg. The arguments from Octolapse are ignored. Streams stay connected.
# The user who runs it needs write access to the runtime folder of the server. See docs/pause.md.
#
# It replaces before-snapshot.sh of the mjpg-streamer fork. That script waits until no thread of mjpg_streamer is left
# (ps -T); this server has no such thread, so that script would start its photo while the camera is still in use.
#
# Environment (default):
#   CAMERA        number of the camera (0)
#   PORT          port of its server (18081 + CAMERA)
#   URL           URL of its server (http://127.0.0.1:$PORT), perhaps with NAME:PASSWORD@ before the host
#   LOGIN_FILE    file with the login, NAME:PASSWORD or a token, with mode 0600; only for cam_auth=always. The role view
#                 is enough
#   RUNTIME       runtime folder of the server (/run/camera-soft-stream)
#   PAUSE_FILE    as camN_pause_file ($RUNTIME/camN.pause); a file in /run needs root
#   SNAPSHOT      as camN_pause_snapshot ($RUNTIME/camN-snap.jpg): the file for the photo
#   OPTIONS       options of rpicam-still (--nopreview --timeout 1000 --quality 93)
#   RELEASE_TIME  time limit in seconds for the server to close the camera (20)
#   PHOTO_TIME    time limit in seconds for rpicam-still (30)
#
# Exit status: 0 the photo was taken; 2 something is missing on this machine; 3 the server does not reply, or refuses the
# login; 4 the camera is not available; 5 there is no photo. In every case the server gets the camera back; after
# `kill -9` when cam_pause_max seconds have passed.
set -euo pipefail

CAMERA=${CAMERA:-0}
PORT=${PORT:-$((18081 + CAMERA))}
URL=${URL:-http://127.0.0.1:$PORT}
LOGIN_FILE=${LOGIN_FILE:-}
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

camera_id() { # print the id of the camera in the server's settings; if there is none, fail and perhaps print the reason
    # the environment, because the list of processes shows arguments
    URL=$URL LOGIN_FILE=$LOGIN_FILE no_proxy='*' python3 - 2>/dev/null <<'END'
import base64, json, os, sys
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

address, file = urlsplit(os.environ["URL"]), os.environ["LOGIN_FILE"]
host, path = address.netloc.rpartition("@")[2], address.path.rstrip("/") + "/status.json"
login = f"{unquote(address.username)}:{unquote(address.password or '')}" if address.username else ""
try:
    if file:
        with open(file, encoding="utf-8") as opened:
            if os.fstat(opened.fileno()).st_mode & 0o077:
                raise OSError(0, "other users can read it; its mode must be 0600")
            login = opened.readline().rstrip("\r\n")
except (OSError, ValueError) as error:
    print(f"{file}: {getattr(error, 'strerror', '') or 'not a text file'}")
    sys.exit(1)
request = Request(address._replace(netloc=host, path=path).geturl())
if login:
    sent = "Basic " + base64.b64encode(login.encode()).decode() if ":" in login else "Bearer " + login
    request.add_unredirected_header("Authorization", sent)
try:
    print(json.load(urlopen(request, timeout=5))["id"])
except HTTPError as error:
    if error.code in (401, 403):
        need = "refuses the login" if login else "requires a login: set LOGIN_FILE"
        print(f"the server at {host} {need} ({error.code})")
    sys.exit(1)
END
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

uptime_seconds() { # $SECONDS would jump when the clock is set
    local uptime
    read -r uptime _ </proc/uptime
    echo "${uptime%.*}"
}

is_acknowledged() { # succeed if the server has closed the camera for us; see docs/pause.md for the second file
    local file
    for file in "$PAUSE_FILE.ack" "$RUNTIME/cam$CAMERA.pause.ack"; do
        if [ "$(cat "$file" 2>/dev/null)" = $$ ]; then return 0; fi
    done
    return 1
}

claim() { # create the pause file with our pid in it, in one step; fail if another program has created one
    local status=0
    echo $$ >"$CLAIM" && ln "$CLAIM" "$PAUSE_FILE" 2>/dev/null || status=$?
    rm -f "$CLAIM"
    return $status
}

still=$(command -v rpicam-still || command -v libcamera-still) || fail 2 "rpicam-still is not installed"
[ -w "${PAUSE_FILE%/*}" ] || fail 2 "${PAUSE_FILE%/*} does not exist, or user $(id -un) may not write to it"
id=$(camera_id) || fail 3 "${id:-no server replies on port $PORT; is camera $CAMERA served there?}"
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

deadline=$(($(uptime_seconds) + RELEASE_TIME))
until is_acknowledged; do
    [ "$(uptime_seconds)" -lt $deadline ] || fail 4 "the server has not released the camera within $RELEASE_TIME s"
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
