"""How many streams may be open: of one camera, and of one client.

The client is an IPv4 address or an IPv6 network of 64 bits, whatever name it gives itself. Programs on this machine
have no limit of their own, because the clients of a proxy may have its address.
"""

import logging
import time

from aiohttp import hdrs, web

from soft_stream.capture.subscribers import THIS_PROCESS, Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.message import Message, message_header
from soft_stream.web.request import LOOPBACK, network_of

log = logging.getLogger(__name__)

RETRY_AFTER = "10"
# The part of `clients_max` that programs on this machine get beyond it, at least one: the network cannot lock out
# OctoPrint.
LOCAL_RESERVE = 1 / 8
# Seconds without a refusal after which the next one is logged again.
QUIET = 60.0


class StreamLimits:
    """Decides whether a client may open a stream."""

    def __init__(self, supervisor: CameraSupervisor) -> None:
        self._supervisor = supervisor
        self._refused_at = float("-inf")

    def require_room(self, client: Client) -> None:
        """Raise HTTPServiceUnavailable if there are as many streams as the settings allow."""
        settings, network = self._supervisor.settings, network_of(client.peer)
        streams = [
            network_of(each.peer)
            for each in self._supervisor.subscribers.clients
            if each.streams and each.peer != THIS_PROCESS
        ]
        own = streams.count(network)
        if network == LOOPBACK[0]:
            reserve = max(1, int(settings.clients_max * LOCAL_RESERVE))
            is_allowed = len(streams) < settings.clients_max or own < reserve
        elif own >= settings.clients_per_address:
            name = f"cam{settings.camera}_clients_per_address={settings.clients_per_address}"
            template = "{network} has {count} streams of this camera, and {setting} allows no more."
            sentence = Message("streams_of_client", template, network=network, count=own, setting=name)
            raise self._refuse(client, sentence)
        else:
            is_allowed = len(streams) < settings.clients_max
        if not is_allowed:
            name = f"cam{settings.camera}_clients_max={settings.clients_max}"
            template = "{count} streams of this camera are open, and {setting} allows no more."
            raise self._refuse(client, Message("streams_open", template, count=len(streams), setting=name))

    def _refuse(self, client: Client, sentence: str) -> web.HTTPServiceUnavailable:
        now = time.monotonic()
        if now - self._refused_at > QUIET:
            log.warning("Refused a stream of %s: %s", client.peer, sentence)
        self._refused_at = now
        headers = {hdrs.RETRY_AFTER: RETRY_AFTER} | message_header(sentence)
        return web.HTTPServiceUnavailable(text=sentence, headers=headers)


STREAM_LIMITS = web.AppKey("stream_limits", StreamLimits)
