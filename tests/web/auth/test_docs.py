"""docs/access.md has the role of each route, and describes each line of the log about logins."""

import re

from soft_stream.web.app import ROUTES
from tests.support.checkout import ROOT

PAGE = (ROOT / "docs/access.md").read_text()
# `/` needs control only for the commands of mjpg-streamer; tests/web/auth/test_roles.py tries it
COMMANDS = {("control", "GET", "/?action=command")}
# Lines of the log that the page shows, with the code that writes them.
LINES = re.compile(r"log\.(?:info|warning)\(\s*\"([A-Z][a-z]+ ?[a-z]*)")
SOURCES = ("web/auth/guard", "web/auth/required_role", "web/auth/login_log", "web/auth/failed_logins",
           "web/auth/open_requests", "web/auth/browser_session", "web/streaming/handler", "web/api/camera",
           "web/api/settings")  # fmt: skip


def test_the_table_of_routes() -> None:
    """The table and the code have the same routes with the same roles."""
    table = PAGE.partition("### The role of each route")[2].partition("## ")[0]
    documented = {
        (row.split("|")[1].split(":")[0].strip(), method, path)
        for row in table.splitlines()
        if row.startswith("|")
        for method, path in re.findall(r"`([A-Z]+) (/[^`]*)`", row)
    }
    code = {
        (str(role), route.method, re.sub(r"\{.*", "...", route.path))
        for role, routes in ROUTES.items()
        for route in routes
    }
    assert documented == code | COMMANDS


def test_the_lines_of_the_log() -> None:
    """Each line about logins, streams and changes is described."""
    described = PAGE.partition("## Who did what")[2].partition("## Files")[0] + PAGE.partition("### Failed logins")[2]
    written = {
        start
        for source in SOURCES
        for start in LINES.findall((ROOT / f"soft_stream/{source}.py").read_text())
        if not start.startswith("A ")
    }
    assert len(written) > 8
    assert {start for start in written if start.rstrip() not in described} == set()
