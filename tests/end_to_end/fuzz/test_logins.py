"""Conversations with a server that wants a login, of clients that have none, a wrong one, or one for view."""

from pathlib import Path
from random import Random

import pytest

from tests.end_to_end.fuzz import budget, logins, plants
from tests.end_to_end.fuzz.dictionary import read_words
from tests.end_to_end.fuzz.http_campaign import report
from tests.end_to_end.fuzz.login_campaign import changes, login_campaign
from tests.end_to_end.fuzz.logins import Logins

# What a finding is about, if a login without the role control has changed something.
CHANGED = tuple(f"logged: {line}" for line in logins.CHANGES)
ACCESS = {
    "a forgotten check of one method": plants.without_check_of_head,
    "a path without a check": plants.without_check_of_path,
    "a header that is trusted": plants.trusting_header,
    "a role that is not compared": plants.without_roles,
    "an expired token": plants.without_expiry,
    "a session that is not verified": plants.without_signature,
    "the cameras of a user": plants.without_cameras,
}


@pytest.fixture
def known(tmp_path: Path) -> Logins:
    """Return the logins of a server whose files are in the folder of the test."""
    return Logins(logins.write(tmp_path))


@pytest.mark.slow
async def test_no_login_no_frame(tmp_path: Path, known: Logins, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a valid login no frame, no state and not even the name of the camera; the role view changes nothing."""
    count, rng = budget.count("login"), Random(f"{budget.seed()} logins")  # noqa: S311 # no secret
    async with login_campaign(tmp_path, known, monkeypatch) as http:
        conversations = known.conversations(rng, read_words(), count)
        await http.run(conversations)
        findings, changed = await http.smallest_findings(), changes(http)
        async with http.portal.http.get("/snapshot.jpg?size=stream", headers=dict(known.valid[:1])) as answer:
            assert answer.status == 200  # the camera works, and a login that may see is not refused
    assert not findings, report(findings)
    assert changed == []
    assert http.tried == len(conversations) > count * 0.8


@pytest.mark.slow
@pytest.mark.parametrize("plant", ACCESS)
async def test_a_missing_check_is_found(
    plant: str, tmp_path: Path, known: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check of the login that is taken out is found, with CI's seed and number."""
    ACCESS[plant](monkeypatch)
    rng = Random(f"{budget.DEFAULT_SEED} logins")  # noqa: S311 # no secret
    count = round(budget.INPUTS * budget.SHARES["login"])
    async with login_campaign(tmp_path, known, monkeypatch) as http:
        await http.run(known.conversations(rng, read_words(), count))
        found = [each.problem for each in http.findings]
    assert [each for each in found if "without a login" in each or each.startswith(CHANGED)], found
