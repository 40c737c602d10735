"""A client that holds one conversation with the server, as bytes, and finds what is wrong with the answers."""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable

from tests.end_to_end.fuzz.answers import Answer, NotHttp, broken_promises, read_answers
from tests.end_to_end.fuzz.conversations import Conversation

# Seconds without progress after which the server hangs. They are far above what is usual on a busy machine.
PATIENCE = 20.0
# Seconds that the server gives a request to arrive; see transport/connection.py.
SLOWEST_REQUEST = 20.0
# Seconds after which a client whose bytes were damaged closes its side: perhaps no answer is due.
GRACE = 0.25
Promises = Callable[[Answer], list[str]]
REQUEST_LINE = re.compile(rb"^([A-Z]+) [^\r\n]* HTTP/1\.[01]\r\n", re.MULTILINE)


class _Receiver(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        self.changed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.changed.set()

    def eof_received(self) -> bool:
        self.ended = True
        self.changed.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.changed.set()


async def hold(
    port: int, conversation: Conversation, patience: float = PATIENCE, promises: Promises = broken_promises
) -> list[str]:
    """Hold a conversation and return what is wrong with the answers; `patience` is in seconds."""
    loop = asyncio.get_running_loop()
    transport, receiver = await loop.create_connection(_Receiver, "127.0.0.1", port)
    try:
        for number, piece in enumerate(conversation.pieces):
            if number:
                await asyncio.sleep(0)
            transport.write(piece)
        if conversation.end == "reset":
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if conversation.end in ("close", "reset"):
            return []
        return await _read(transport, receiver, conversation, patience, promises)
    finally:
        transport.abort() if conversation.end == "reset" else transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not receiver.ended:
                    receiver.changed.clear()
                    await receiver.changed.wait()


async def _read(
    transport: asyncio.Transport, receiver: _Receiver, conversation: Conversation, patience: float, promises: Promises
) -> list[str]:
    """Read until all answers are there, or the server has closed the connection."""
    methods = None
    if conversation.requests:
        methods = [each.decode() for each in REQUEST_LINE.findall(conversation.sent)]
        if len(methods) != conversation.requests:
            methods = None
    answers: list[Answer] = []
    limit = patience + SLOWEST_REQUEST * (not conversation.requests)
    grace = GRACE if not conversation.requests and conversation.end == "read" else 0.0
    wanted = conversation.requests or 1
    while True:
        receiver.changed.clear()
        try:
            answers, rest = read_answers(bytes(receiver.data), methods, ended=receiver.ended)
        except NotHttp as problem:
            return [f"no HTTP: {problem}"] if methods else []
        problems = [problem for answer in answers for problem in promises(answer)]
        if problems:
            return problems
        if len(answers) >= wanted or (answers and answers[-1].is_stream) or receiver.ended:
            break
        try:
            async with asyncio.timeout(grace or limit):
                await receiver.changed.wait()
        except TimeoutError:
            if not grace:
                return [f"no progress for {limit:g} s; {len(answers)} of {wanted} answers had arrived"]
            grace = 0.0
            if transport.can_write_eof() and not transport.is_closing():
                transport.write_eof()
    if conversation.requests and not answers:
        return [f"the connection was closed without an answer: {rest[:60]!r}"]
    return []
