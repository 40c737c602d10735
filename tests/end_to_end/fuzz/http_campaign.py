"""A run over HTTP: conversations side by side with one server, and what must be true of it during and after them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import simplejpeg

from soft_stream.cameras.base import Control
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.config.settings import Settings
from tests.end_to_end.fuzz import budget, pairs, watch
from tests.end_to_end.fuzz.answers import broken_promises
from tests.end_to_end.fuzz.client import PATIENCE, REQUEST_LINE, Promises, hold
from tests.end_to_end.fuzz.conversations import Conversation, as_case, make
from tests.end_to_end.fuzz.dictionary import read_words
from tests.end_to_end.fuzz.shrink import shrink
from tests.end_to_end.fuzz.values import MORE_CONTROLS
from tests.support.jpegs import BASE
from tests.support.server import QUICK, Portal, running
from tests.web.own_pages.site import LINKS, make_site

SIDE_BY_SIDE = 64
# Conversations that wait for a time limit of the server need a place of their own.
SILENT = 100
# After this many findings the rest would be more of the same.
ENOUGH = 5
# Seconds that an answer to a try may take while an input that hangs is made smaller.
SHRINK_PATIENCE = 3.0


@dataclass(frozen=True)
class Finding:
    """An input that failed, as small as it was possible, and why."""

    problem: str
    conversation: Conversation

    @property
    def hangs(self) -> bool:
        """Whether there was no answer in time."""
        return self.problem.startswith("no progress")

    def __str__(self) -> str:
        return f"{self.problem}\n{as_case(self.conversation)}"


def _may_be_of(line: str, conversation: Conversation) -> bool:
    """Return whether a line of the log may be about a conversation: the path is in both, if the line has one."""
    path = re.match(r"logged: \S+ \S*?([\w.]*) failed\n", line)
    return not path or path[1].encode() in conversation.sent


def _kind_of(problem: str) -> str:
    """Return the beginning of a problem, which must stay the same when its input is made smaller."""
    return re.split(r"[:;]| for [0-9]", problem)[0]


def single_requests(conversation: Conversation) -> list[Conversation]:
    """Return the requests of a conversation that has several, as far as they can be separated."""
    data = conversation.sent
    begins = [line.start() for line in REQUEST_LINE.finditer(data)]
    if conversation.requests != len(begins) or len(begins) < 2:
        return []
    return [
        replace(conversation, pieces=(data[begin:end],), requests=1)
        for begin, end in zip(begins, [*begins[1:], len(data)], strict=True)
    ]


def settings_in(folder: Path) -> Settings:
    """Return settings with everything switched on that a request can reach, and short times."""
    photo = folder / "photo.jpg"
    photo.write_bytes(BASE)
    pages = folder / "pages"
    return replace(
        QUICK,
        www=str(pages / "site" if pages.exists() else make_site(pages)),
        www_links=LINKS,
        start_timeout=2.0,
        close_after=0.5,
        watchdog_timeout=10.0,
        autofocus_timeout=0.5,
        pause_max=0.2,
        renditions_max=4,
        still_method="dual",  # a still that interrupts the stream makes others wait on purpose
        legacy_control=True,
        loghttp=True,
        cors_origins=("http://pi", "https://pi.local"),
        pause_snapshot=str(photo),
        controls_file=folder / "cam0-controls.env",
    )


class _CameraOfAllKinds(SyntheticCamera):
    """A synthetic camera that has controls of all kinds."""

    def controls(self) -> list[Control]:
        return [*super().controls(), *MORE_CONTROLS]


class HttpCampaign:
    """Holds conversations with one server, and collects what is wrong."""

    def __init__(self, portal: Portal, log: watch.Tracebacks, progress: watch.Progress, patience: float) -> None:
        self.portal = portal
        self._log = log
        self._progress = progress
        self._patience = patience
        self.promises: Callable[[Conversation], Promises] = lambda _: broken_promises
        """Returns the promises of the answers of a conversation."""
        self._slots = {end: asyncio.Semaphore(SIDE_BY_SIDE) for end in ("read", "close", "reset")}
        self._slots["silent"] = asyncio.Semaphore(SILENT)
        self._held: set[Conversation] = set()
        self._unclaimed: list[tuple[str, tuple[Conversation, ...]]] = []
        """What the log has and no answer shows, with the conversations that were held when it was found."""
        self.findings: list[Finding] = []
        self.most_findings = ENOUGH
        self.tried = 0

    async def run(self, conversations: Iterable[Conversation]) -> None:
        """Hold all conversations; stop early when there are enough findings."""
        tasks: set[asyncio.Task[None]] = set()
        for each in conversations:
            slot = self._slots[each.end]
            await slot.acquire()
            if len(self.findings) >= self.most_findings:
                slot.release()
                break
            task = asyncio.create_task(self._hold(each, slot))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        while tasks:
            await asyncio.wait(tasks)
        hangs = [each for each in self.findings if each.hangs]  # or it waited for pauses that others requested
        still = await asyncio.gather(*(self._fails(each.conversation) for each in hangs))
        cleared = [each for each, fails in zip(hangs, still, strict=True) if not fails]
        self.findings = [each for each in self.findings if each not in cleared]
        for line, suspects in self._unclaimed[: self.most_findings]:
            guilty = await self._guilty(suspects)
            doubt = "" if guilty else f"not found again; this is one of {len(suspects)} that were held then: "
            self.findings.append(Finding(doubt + line, guilty or suspects[0]))
        self._unclaimed = []

    async def _hold(self, each: Conversation, slot: asyncio.Semaphore) -> None:
        self._held.add(each)
        try:
            problems = await hold(self.portal.port, each, self._patience, self.promises(each))
            others = [line for line, _ in self._unclaimed] + self._log.take()
            if problems:
                mine = [line for line in others if _may_be_of(line, each)]
                others = [line for line in others if line not in mine]
                self.findings.append(Finding("\n".join([problems[0], *mine]), each))
            known = dict(self._unclaimed)
            self._unclaimed = [(line, known.get(line, (each, *self._held))) for line in others]
        finally:
            self._held.discard(each)
            self.tried += 1
            self._progress.done += 1
            slot.release()

    async def _guilty(self, suspects: tuple[Conversation, ...]) -> Conversation | None:
        """Return the conversation that causes a line in the log when it is held again."""
        for each in suspects:
            if each.end != "silent" and await self._fails(each):
                return each
        return None

    async def _fails(self, each: Conversation, patience: float | None = None, kind: str = "") -> bool:
        """Return whether a conversation has a problem, of one kind, when it is held alone, without others' pauses."""
        problems = await hold(self.portal.port, each, patience or self._patience, self.promises(each))
        await asyncio.sleep(0.01)  # what the server logs after its answer
        self._progress.done += 1
        return any(kind in ("", _kind_of(problem)) for problem in (*self._log.take(), *problems))

    async def smallest_findings(self) -> list[Finding]:
        """Return a finding for each cause, with less input; the same exception, or another hang, is the same cause."""
        causes = {each.problem.splitlines()[-1]: each for each in reversed(self.findings)}
        return [await self.shrunk(each) for each in reversed(causes.values())]

    async def shrunk(self, finding: Finding) -> Finding:
        """Return a finding with less input; the same one if it does not fail again."""
        patience, tries = (SHRINK_PATIENCE, 20) if finding.hangs else (self._patience, 300)
        original = replace(finding.conversation, pieces=(finding.conversation.sent,))
        if not await self._fails(original, patience):
            return finding
        for part in single_requests(original):
            if await self._fails(part, patience, _kind_of(finding.problem)):
                original = part
                break

        async def fails(data: bytes) -> bool:
            # it is complete as long as it ends as the original did
            is_complete = original.requests and data.endswith(original.sent[-4:])
            each = replace(original, pieces=(data,), requests=1 if is_complete else 0)
            return bool(data) and await self._fails(each, patience, _kind_of(finding.problem))

        smallest = await shrink(original.sent, fails, tries)
        return replace(finding, conversation=replace(original, pieces=(smallest,), requests=min(original.requests, 1)))

    async def check_afterwards(self) -> list[str]:
        """Return what is wrong with the server after all conversations: its camera, its clients, its memory of them."""
        portal, supervisor = self.portal, self.portal.supervisor
        problems = []
        async with portal.http.post("/arm", params={"seconds": "0"}):
            pass  # a request may have asked to keep the camera open
        give_up = asyncio.get_running_loop().time() + self._patience
        left: dict[str, object] = {}
        while asyncio.get_running_loop().time() < give_up:
            left = {
                "clients": list(supervisor.subscribers.clients),
                "pauses": supervisor.pause.keys,
                "renditions": supervisor.subscribers.renditions_wanted,
            }
            if not any(left.values()):
                break
            await asyncio.sleep(0.05)
        problems += [f"left behind: {what}: {found}" for what, found in left.items() if found]
        async with portal.http.get("/healthz") as answer:
            if answer.status != 200:
                problems.append(f"/healthz: {answer.status} {await answer.text()}")
        async with portal.http.get("/snapshot.jpg?size=stream&focus=never&deadline_ms=20000") as answer:
            body = await answer.read()
            if answer.status != 200:
                problems.append(f"/snapshot.jpg: {answer.status} {body[:100]!r}")
            elif simplejpeg.decode_jpeg(body).shape[1::-1] != (QUICK.width, QUICK.height):
                problems.append("/snapshot.jpg has another size than before")
        if portal.life.done():
            problems.append("the task of the camera has ended")
        return problems + self._log.take()


@asynccontextmanager
async def campaign(
    folder: Path, patience: float = PATIENCE, *, forbidden: tuple[str, ...] = (), **changes: Any
) -> AsyncIterator[HttpCampaign]:
    """Start a server with changed settings, and what watches it; no line of its log may begin with a forbidden text."""
    settings = replace(settings_in(folder), **changes)
    other = replace(settings, camera=1, port=1, name="")
    with watch.watched_log(forbidden) as log, watch.watched_progress(max(patience, watch.PATIENCE)) as progress:
        asyncio.get_running_loop().set_exception_handler(log.complain)
        async with running(settings, {0: settings, 1: other}, _CameraOfAllKinds) as portal:
            yield HttpCampaign(portal, log, progress, patience)


def conversations(seed: int, count: int) -> Iterator[Conversation]:
    """Yield the conversations of a seed: two of the pairs and a random one in turn, then only random ones.

    Each depends only on the seed and its number.
    """
    words = read_words()
    systematic = iter(pairs.conversations(Random(f"{seed} pairs"), words))  # noqa: S311 # no secret
    for number in range(count):
        each = next(systematic, None) if number % 3 else None
        each = each or make(Random(f"{seed} http {number}"), words)  # noqa: S311 # no secret
        # the last ones need not be waited for
        yield replace(each, end="close") if each.end == "silent" and number > count // 2 else each


def report(findings: Iterable[Finding]) -> str:
    """Return what to read when a run has failed: each finding is a case for cases/http.toml."""
    return "\n\n".join(map(str, findings)) + f"\n\nFUZZ_SEED={budget.seed()}; add these to cases/http.toml"
