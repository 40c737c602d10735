"""A client, and what it got."""

from soft_stream.capture.subscribers import Client, Subscribers
from tests.support.fake_clients import frame_of


def client_who_got(*numbers: int) -> Client:
    """Make a client that got these frames, 0.1 s after one another."""
    client = Client("10.0.0.1", "/stream.mjpg", "", streams=True)
    for index, number in enumerate(numbers):
        client.took(frame_of(number), index / 10)
    return client


def test_a_client_that_got_nothing() -> None:
    """It has dropped nothing, either, however many frames the camera has given before."""
    client = client_who_got()
    assert (client.sent, client.dropped, client.captured_at) == (0, 0, None)


def test_what_a_client_dropped() -> None:
    """Counted from its first frame on; those before are nothing to it."""
    assert client_who_got(1000).dropped == 0
    assert client_who_got(1000, 1001, 1002).dropped == 0
    client = client_who_got(1000, 1003, 1004, 1010)
    assert (client.first, client.number, client.sent, client.dropped) == (1000, 1010, 4, 7)


def test_when_its_last_frame_was_captured() -> None:
    """The time, not the frame."""
    client = client_who_got(1)
    last = frame_of(2)
    client.took(last, 1.0)
    assert (client.number, client.captured_at) == (2, last.captured_at)


async def test_the_demand_lasts_for_a_while() -> None:
    """A client that left keeps the camera open for `close_after`, unless it was not to wake it."""
    for wakes, should_stay_open in ((False, False), (True, True)):
        subscribers = Subscribers()
        assert not subscribers.should_stay_open(3600)
        with subscribers.connected(Client("test", "/", "", streams=True, wakes=wakes)):
            assert subscribers.should_stay_open(0)
        assert subscribers.should_stay_open(3600) is should_stay_open
        assert not subscribers.should_stay_open(0)
