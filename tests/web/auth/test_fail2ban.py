"""The filter for fail2ban in the documentation finds the failed logins in the log, and nothing else."""

import logging
import re
from configparser import RawConfigParser

import pytest

from soft_stream.service.logs import DatedFormatter, LineFormatter
from soft_stream.web.auth.failed_logins import FailedLogins
from tests.support.checkout import ROOT

FORMAT = "%(levelname)s cam0 %(message)s"
# What fail2ban puts in place of <ADDR>, without the rules for each part.
ADDRESS = r"(?P<address>[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+|[0-9a-f:]*:[0-9a-f:]*)"
# fail2ban removes the time from the beginning of a line; of the journal it makes a line with the host and the program.
TIME = re.compile(r"^\S+T\S+")
JOURNAL = "pi soft-stream[123]: "


def read_filter() -> "re.Pattern[str]":
    """Return the expression of the filter in docs/access.md."""
    text = (ROOT / "docs/access.md").read_text()
    block = next(each.partition("```")[0] for each in text.split("```ini\n") if each.startswith("[Definition]"))
    parser = RawConfigParser()
    parser.read_string(block)
    return re.compile(parser["Definition"]["failregex"].replace("<ADDR>", ADDRESS))


def as_lines(records: list[logging.LogRecord]) -> list[str]:
    """Return what fail2ban searches: the lines of the journal, and of a log file."""
    dated, undated = DatedFormatter(f"%(asctime)s {FORMAT}"), LineFormatter(FORMAT)
    return [JOURNAL + undated.format(each) for each in records] + [TIME.sub("", dated.format(each)) for each in records]


@pytest.mark.parametrize(
    ("client", "address"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7"), ("fe80::7%eth0", "fe80::7")],
)
async def test_each_failed_login_is_found_once(client: str, address: str, caplog: pytest.LogCaptureFixture) -> None:
    """In the journal and in a log file; the lines of the ban are others."""
    logins = FailedLogins()
    for _ in range(10):
        logins._newest(client).attempts.append(0.0)
        logins.failed(client, "wrong password of the user anna")
    await logins.wait_or_refuse("192.0.2.8")
    logins.failed(client, "unknown token", counts=False)
    found = [match["address"] for each in as_lines(caplog.records) if (match := read_filter().match(each))]
    assert found == [address] * 11 * 2


@pytest.mark.parametrize(
    "text", ["WARNING cam0 Login failed from 8.8.8.8: x", "\nWARNING cam0 Login failed from 8.8.8.8: x", ": 8.8.8.8: "]
)
def test_no_client_can_forge_a_line(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a client sends and the log shows, no other address is banned for it."""
    log = logging.getLogger("test")
    log.warning("Refused a request of %s: %s", "192.0.2.7", text)
    log.warning("%s", f"Host {text}")
    FailedLogins().failed("192.0.2.7", f"wrong password of the user {text}", counts=False)
    found = {match["address"] for each in as_lines(caplog.records) if (match := read_filter().match(each))}
    assert found == {"192.0.2.7"}
