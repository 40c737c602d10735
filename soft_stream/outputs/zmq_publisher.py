"""The output `zmq`: publishes frames as mjpg-streamer's `output_zmqserver`, while somebody subscribes to them."""

import asyncio
import time

from soft_stream.cameras.base import CameraUnsupported
from soft_stream.cameras.optional_library import import_library
from soft_stream.capture.feed import FeedEnded
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.zmq_endpoint import parse_zmq_endpoint
from soft_stream.frames.frame import Frame
from soft_stream.outputs.client import connected, next_frame
from soft_stream.outputs.report import OutputReport, OutputState
from soft_stream.outputs.zmq_package import TOPIC, encode_package
from soft_stream.outputs.zmq_socket import ZmqSocket, open_socket

# Seconds between two attempts to listen.
RETRY_INTERVAL = 5.0
# Bytes of a message: one with larger frames has fewer of them than `zmq_frames`.
LARGEST_MESSAGE = 16 * 1024 * 1024


async def publish_frames(supervisor: CameraSupervisor, report: OutputReport) -> None:
    """Publish frames until cancelled; without the library report that, and return."""
    try:
        zmq, zmq_asyncio = await asyncio.to_thread(
            lambda: [import_library(name, "python3-zmq", "zmq") for name in ("zmq", "zmq.asyncio")]
        )
    except CameraUnsupported as error:
        report.fail(str(error))
        return
    endpoint = parse_zmq_endpoint(supervisor.settings.zmq)
    while True:
        try:
            async with open_socket(zmq, zmq_asyncio, endpoint) as socket:
                report.work(OutputState.IDLE)
                await _serve(supervisor, report, socket)
                return
        except OSError as error:
            report.fail(f"{error.strerror}; next try in {RETRY_INTERVAL:g} s")
        await asyncio.sleep(RETRY_INTERVAL)


async def _serve(supervisor: CameraSupervisor, report: OutputReport, socket: ZmqSocket) -> None:
    """Publish during each time in which there are subscribers."""
    async with asyncio.TaskGroup() as group:
        group.create_task(socket.follow_subscriptions(), name="zmq subscriptions")
        while True:
            await socket.wait_subscribed(True)
            report.work(OutputState.RUNNING)
            publishing = group.create_task(_publish(supervisor, report, socket), name="zmq frames")
            await socket.wait_subscribed(False)
            publishing.cancel()
            await asyncio.wait([publishing])
            report.work(OutputState.IDLE)


async def _publish(supervisor: CameraSupervisor, report: OutputReport, socket: ZmqSocket) -> None:
    """Publish frames until cancelled, or until the server shuts down."""
    feed, waiting, size = supervisor.subscribers.feed, list[Frame](), 0
    last = feed.newest
    with connected(supervisor, report.setting) as client:
        while True:
            try:
                last = await next_frame(feed, last)
            except FeedEnded:
                return
            report.missed -= client.dropped
            client.took(last, time.monotonic())
            report.missed += client.dropped
            waiting.append(last)
            size += len(last.jpeg)
            if len(waiting) >= supervisor.settings.zmq_frames or size >= LARGEST_MESSAGE:
                socket.publish((TOPIC, encode_package(waiting)))
                report.frames += len(waiting)
                waiting, size = [], 0
