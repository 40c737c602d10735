"""A player for tests: it counts the pictures on its standard input, and writes them and its arguments to a file.

PLAYER_FILE names the file. It ends after PLAYER_PICTURES of them, or at the end of the input, with PLAYER_STATUS.
"""

import json
import os
import sys

source = sys.stdin.buffer
pictures: list[list[object]] = []
source.readline()  # the first boundary
while len(pictures) < int(os.environ["PLAYER_PICTURES"]):
    headers = {}
    while line := source.readline().strip().decode():
        name, _, value = line.partition(": ")
        headers[name] = value
    if not headers:  # the end
        break
    jpeg = source.read(int(headers["Content-Length"]))
    source.readline()
    source.readline()
    pictures.append([jpeg[:2].hex(), jpeg[-2:].hex(), hash(jpeg)])
    facts = {"arguments": sys.argv[1:], "pictures": pictures, "environ": dict(os.environ)}
    with open(os.environ["PLAYER_FILE"] + ".new", "w") as file:
        json.dump(facts, file)
    os.replace(file.name, os.environ["PLAYER_FILE"])
sys.exit(int(os.environ.get("PLAYER_STATUS", "0")))
