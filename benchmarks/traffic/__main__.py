#!/usr/bin/env python3
"""Compares the responses of camera-soft-stream with those of the programs that it replaces.

`record` sends requests to a program on this machine, and stores its responses in benchmarks/recordings/.
`table` starts camera-soft-stream with a test camera, and writes tables of the recordings and of its own responses to
docs/compatibility.md, between the markers; with --check it only checks whether the document is up to date.
"""

import argparse
import difflib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from peers import DASHBOARD, OLDER_URLS, PEERS, PORTAL, PORTAL_WITH_CORS, SOON_AGAIN, Peer, request
from tables import tables
from wire import Exchange, Recording, ask

CHECKOUT = Path(__file__).parents[2]
RECORDINGS = CHECKOUT / "benchmarks" / "recordings"
DOCUMENT = CHECKOUT / "docs" / "compatibility.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"
# slow: bytes that arrive at once must differ from those of the next frame, also on a busy machine
FPS = 1
# mjpg-streamer can be built so that it rejects a second request within a second
APART, SOON = 1.2, 0.1
MOST_AT_ONCE = 16


def main() -> int:
    """Run a command; return the exit status."""
    args = _parser().parse_args()
    if args.command == "record":
        record(args.peer, args.version, args.port).save(args.recordings / f"{args.peer}.json")
        return 0
    recordings = {peer: Recording.load(args.recordings / f"{name}.json") for name, peer in PEERS.items()}
    before, rest = DOCUMENT.read_text().split(BEGIN)
    written, after = rest.split(END)
    made = _made(recordings)
    if args.check:
        difference = difflib.unified_diff(written.splitlines(), made.splitlines(), "written", "made", lineterm="")
        print("\n".join(difference))
        return int(written != made)
    DOCUMENT.write_text(before + BEGIN + made + END + after)
    return 0


def record(name: str, version: str, port: int) -> Recording:
    """Send all requests to a program, one after the other."""
    peer, exchanges = PEERS[name], {}
    for what, asked in peer.requests().items():
        time.sleep(SOON if what == SOON_AGAIN else APART)
        exchanges[what] = ask(port, asked, over_tls=peer.over_tls)
    return Recording(peer.name, version, exchanges)


def _made(recordings: dict[Peer, Recording]) -> str:
    """Return the tables, with the responses of camera-soft-stream."""
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:

        def all_answers(port: int, requests: dict[str, str]) -> dict[str, Exchange]:
            return dict(zip(requests, pool.map(partial(ask, port), requests.values()), strict=True))

        with portal() as port, portal("--cors-origins", DASHBOARD) as port_with_cors:
            ours = {
                PORTAL: Recording(PORTAL.name, "", all_answers(port, PORTAL.requests())),
                PORTAL_WITH_CORS: Recording(
                    PORTAL_WITH_CORS.name, "", all_answers(port_with_cors, PORTAL_WITH_CORS.requests())
                ),
            }
            urls = {url: request("GET", url) for of_program in OLDER_URLS.values() for url in of_program}
            return tables(ours | recordings, all_answers(port, urls))


@contextmanager
def portal(*arguments: str) -> Iterator[int]:
    """Serve a test camera with default settings but small frames; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    sizes = {"width": 160, "height": 120, "snapshot-width": 160, "snapshot-height": 120}
    settings = {"port": port, "fps": FPS, "autofocus": "off", **sizes}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("cam")}
    command = [sys.executable, "-m", "soft_stream", "serve", "--source", "test-pattern", "--env-file", os.devnull]
    command += [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    command += arguments
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT, env=environment) as process:
        try:
            said = list(_until_listening(process))
            if process.poll() is not None:
                raise RuntimeError(f"The portal does not start: {''.join(said)}")
            yield port
        finally:
            process.kill()


def _until_listening(process: "subprocess.Popen[str]") -> Iterator[str]:
    for line in process.stderr or ():
        yield line
        if "Listening on" in line:
            return
    process.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="store the responses of a running program")
    recording.add_argument("peer", choices=PEERS, metavar="PEER", help="%(choices)s")
    recording.add_argument("--port", type=int, required=True, help="its port on 127.0.0.1")
    recording.add_argument("--version", required=True, help="its version or commit")
    table = commands.add_parser("table", help="write the tables")
    table.add_argument("--check", action="store_true", help="write nothing; exit status 1 and a diff if they differ")
    for command in (recording, table):
        command.add_argument(
            "--recordings", type=Path, default=RECORDINGS, metavar="FOLDER", help="folder of the recordings"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
