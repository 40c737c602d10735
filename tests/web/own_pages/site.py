"""A folder with pages, and with everything that must not be served."""

import os
import socket
from pathlib import Path

LINKS = "snap.jpg.link album"


def make_site(folder: Path) -> Path:
    """Make the pages in a folder, with files beside them that are not for clients; return the folder of the pages."""
    site = folder / "site"
    for each in (site / "docs/.git", folder / "away", site / "cam0", site / "webcam"):
        each.mkdir(parents=True)
    for name, text in {
        "javascript.html": "<script>inline()</script>",
        "functions.js": "inline = 1",
        "cambozola.jar": "jar",
        "unknown.xyz9": "any",
        "index.html": "home",
        "empty.css": "",
        "docs/index.html": "documents",
        "docs/with space.txt": "spaced",
        "docs/status.json": "of the owner",
        "docs/.git/config": "SECRET",
        ".htpasswd": "SECRET",
        "status.json": "of the owner",
        "snapshot.jpg": "of the owner",
        "cameras": "of the owner",
        "cam0/index.html": "of the owner",
        "webcam/index.html": "of the owner",
        "locked.txt": "SECRET",
        "../secret.txt": "SECRET",
        "../away/now.jpg": "picture",
        "../away/one.txt": "one",
        "../away/.hidden": "SECRET",
    }.items():
        (site / name).write_text(text)
    (site / "locked.txt").chmod(0)
    for name, target in {
        "inside.txt": "docs/with space.txt",
        "outside.txt": "../secret.txt",
        "outside": "..",
        "hidden-link.txt": ".htpasswd",
        "dangling.txt": "nothing",
        "loop.txt": "loop.txt",
        "null.link": "/dev/null",
        "snap.jpg.link": "../away/now.jpg",
        "album": "../away",
        "../away/out.txt": "../secret.txt",
    }.items():
        (site / name).symlink_to(target)
    os.mkfifo(site / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(site)  # the path of a socket is short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
    return site
