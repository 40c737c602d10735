"""A client and its counters, and how long the camera stays open."""

from soft_stream.capture.subscribers import Client, Subscribers
from tests.support.fake_clients import frame_of


def client_who_got(*numbers: int) -> Client:
    """Return a client that got these frames, 0.1 s after one another."""
    client = Client("10.0.0.1", "/stream.mjpg", "", streams=True)
    for index, number in enumerate(numbers):
        client.took(frame_of(number), index / 10)
    return client


def test_a_client_that_got_nothing() -> None:
    """A client without a frame has dropped none, however many the camera captured before."""
    client = client_who_got()
    assert (client.sent, client.dropped, client.captured_at) == (0, 0, None)


def test_dropped_frames_of_a_client() -> None:
    """Dropped frames are counted from the first frame of the client; earlier ones do not count."""
    assert client_who_got(1000).dropped == 0
    assert client_who_got(1000, 1001, 1002).dropped == 0
    client = client_who_got(1000, 1003, 1004, 1010)
    assert (client.first, client.number, client.sent, client.dropped) == (1000, 1010, 4, 7)


def test_capture_time_of_the_last_frame() -> None:
    """A client keeps the capture time of its last frame, not the frame."""
    client = client_who_got(1)
    last = frame_of(2)
    client.took(last, 1.0)
    assert (client.number, client.captured_at) == (2, last.captured_at)


async def test_the_camera_stays_open_after_the_last_client() -> None:
    """A client that left keeps the camera open for `close_after`, unless it may not open the camera."""
    for wakes, should_stay_open in ((False, False), (True, True)):
        subscribers = Subscribers()
        assert not subscribers.should_stay_open(3600)
        with subscribers.connected(Client("test", "/", "", streams=True, wakes=wakes)):
            assert subscribers.should_stay_open(0)
        assert subscribers.should_stay_open(3600) is should_stay_open
        assert not subscribers.should_stay_open(0)
