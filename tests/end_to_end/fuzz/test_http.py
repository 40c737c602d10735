"""Thousands of conversations with a server that runs in this process, on a real socket."""

from pathlib import Path

import pytest

from tests.end_to_end.fuzz import budget, unique
from tests.end_to_end.fuzz.cases import http_cases
from tests.end_to_end.fuzz.conversations import Conversation
from tests.end_to_end.fuzz.dictionary import read_words
from tests.end_to_end.fuzz.http_campaign import campaign, conversations, report
from tests.end_to_end.fuzz.leaks import ROUNDS, find_leaks

# Conversations of a round that repeat: the rarest route is in some twenty of their requests.
LEAK_ROUND = 400


@pytest.mark.slow
async def test_no_conversation_breaks_a_promise(tmp_path: Path) -> None:
    """No 5xx but 503 and 507, no traceback, no hang, no broken HTTP, nothing left behind; the camera still works."""
    await converse(tmp_path, budget.count("http"))


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_no_conversation_breaks_a_promise_in_a_long_run(tmp_path: Path) -> None:
    """The same with the inputs of another seed, as many as one likes; see README.md."""
    await converse(tmp_path, budget.count("http", soak=True))


async def converse(folder: Path, count: int) -> None:
    """Hold the conversations of this run's seed."""
    print(f"FUZZ_SEED={budget.seed()}, {count} conversations")  # noqa: T201 # how to repeat the run
    async with campaign(folder) as http:
        await http.run(conversations(budget.seed(), count))
        findings = await http.smallest_findings()
        afterwards = await http.check_afterwards()
    assert not findings, report(findings)
    assert afterwards == []
    assert http.tried == count


async def test_what_failed_once_never_fails_again(tmp_path: Path) -> None:
    """Each kept case is held alone, and then all of them side by side."""
    cases = http_cases()
    async with campaign(tmp_path) as http:
        await http.run(cases)
        findings, afterwards = http.findings, await http.check_afterwards()
    assert not findings, report(findings)
    assert afterwards == []


@pytest.mark.slow
async def test_memory_is_flat(tmp_path: Path) -> None:
    """Round after round of conversations needs no more memory, line of code by line of code."""
    rounds = leak_rounds()
    async with campaign(tmp_path) as http:
        http.most_findings = budget.INPUTS  # the other tests judge them
        assert await find_leaks(lambda number: http.run(rounds[number])) == []


def leak_rounds() -> list[list[Conversation]]:
    """Return rounds of conversations: those that repeat, without those that only wait, and those that are new in each.

    All are made at once: it takes long while memory is traced.
    """
    same = [each for each in conversations(budget.seed(), LEAK_ROUND) if each.end != "silent"]
    words = read_words()
    return [[*same, *unique.conversations(budget.seed(), number, words)] for number in range(2 + ROUNDS)]
