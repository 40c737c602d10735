"""The measured situations, and the target of each."""

from dataclasses import dataclass, field

Load = dict[str, float]


@dataclass(frozen=True)
class Target:
    """The bound of a figure: at most (or at least) a number, or a multiple of another server's figure."""

    what: str
    figure: str
    bound: float
    against: str = ""
    is_least: bool = False
    server: str = ""
    """The measured server; by default the first one of the row."""


@dataclass(frozen=True)
class Row:
    """One situation, and the servers to measure in it; the first one is camera-soft-stream."""

    name: str
    title: str
    servers: tuple[str, ...]
    load: Load = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    seconds: float = 8.0
    quick_seconds: float = 3.0
    is_idle: bool = False
    is_cold: bool = False
    """Whether only the time to the first frame of a closed camera is measured."""
    is_opened_before: bool = False
    """Whether the camera is opened and closed once before, to exclude the cost of the first opening."""


COST = "CPU per delivered frame"
ALL = ("portal", "floor send", "floor python", "ustreamer")
V4L2 = ("portal, v4l2", "ustreamer")
STOPPED, SLOW = 50, 5
FRAME_KB = 122.4


def _streams(clients: int, *targets: Target) -> Row:
    load: Load = {"--clients": clients, "--warmup": 2}
    title = f"{clients} client{'s' * (clients > 1)}, ready-made frames"
    return Row(f"streams-{clients}", title, ALL, load, targets)


def _passed_through(clients: int, bound: float) -> Row:
    """Return the row of a webcam's own JPEGs, which both programs read from the same device."""
    title = f"{clients} client{'s' * (clients > 1)}, JPEGs of a V4L2 device"
    load: Load = {"--clients": clients, "--warmup": 2}
    return Row(f"v4l2-{clients}", title, V4L2, load, (Target(COST, "cost", bound, "ustreamer"),))


def _snapshots(name: str, title: str, keep_alive: bool, *targets: Target) -> Row:
    load: Load = {"--clients": 1, "--snapshots": 8, "--keep-alive": int(keep_alive), "--warmup": 1}
    return Row(name, title, ("portal", "portal, newest", "floor aiohttp", "ustreamer"), load, targets)


ROWS = (
    _streams(1, Target(COST, "cost", 0.95, "ustreamer")),
    _streams(10, Target(COST, "cost", 0.45, "ustreamer")),
    _streams(
        100,
        Target(COST, "cost", 0.9, "floor send"),
        Target(COST, "cost", 0.25, "ustreamer"),
        Target("age p99, ms", "normal_age_p99", 15),
    ),
    _streams(
        300,
        Target(COST, "cost", 0.9, "floor send"),
        Target("slowest client's fps", "normal_fps_min", 29.5, is_least=True),
        Target("gap p99, ms", "normal_gap_p99", 45),
    ),
    _passed_through(1, 1.0),
    _passed_through(10, 0.5),
    _passed_through(100, 0.5),
    Row(
        "encode",
        "planes to JPEG to 1 client",
        ("portal, encoding", "ustreamer, encoding"),
        {"--clients": 1, "--warmup": 1},
        (Target(COST, "cost", 0.5, "ustreamer, encoding"), Target("latency p50, ms", "normal_age_p50", 6)),
    ),
    Row(
        "slow",
        f"{SLOW} readers at 100 kB/s beside 10 normal ones",
        ("portal", "ustreamer"),
        {"--clients": 10, "--slow": SLOW, "--slow-rate": 100_000, "--warmup": 2},
        (
            Target("slowest normal client's fps", "normal_fps_min", 29.5, is_least=True),
            Target("slow ones' age p50, ms", "slow_age_p50", 3000),
            Target("slow ones' age p50", "slow_age_p50", 0.4, "ustreamer"),
            Target("RSS growth, MB", "rss_growth", 1),
        ),
        seconds=30,
        quick_seconds=12,
    ),
    Row(
        "stopped",
        f"{STOPPED} readers that stopped reading beside 1 normal one",
        ("portal",),
        {"--clients": 1, "--stopped": STOPPED, "--warmup": 0},
        (
            Target("memory of each, kernel's send queue included, kB", "stopped_kb", 2 * FRAME_KB),
            Target("still connected after 30 s", "stopped_left", 0),
        ),
        seconds=30,
        quick_seconds=30,
        is_opened_before=True,
    ),
    _snapshots(
        "snapshots",
        "snapshots in a loop by 8 clients that keep their connections, beside 1 stream",
        True,
        Target(
            "snapshots a second, newest frame", "snapshots_per_second", 1500, is_least=True, server="portal, newest"
        ),
        Target("snapshots a second, next frame, slowest client", "snapshots_fps_min", 29.5, is_least=True),
        Target("CPU per picture, next frame", "cost", 0.5, "ustreamer"),
    ),
    _snapshots("snapshots-connect", "the same with a connection for each", False),
    Row(
        "nobody",
        "nobody",
        ("portal", "ustreamer"),
        targets=(
            Target("CPU before the first open, %", "before_cpu", 0.05),
            Target("CPU after closing, %", "after_cpu", 0.05),
            Target("RSS before the first open, MB", "before_rss", 45),
            Target("RSS after closing, MB", "after_rss", 65),
            Target("CPU until it listens, s", "start_cpu", 0.5),
        ),
        seconds=60,
        quick_seconds=10,
        is_idle=True,
    ),
    Row(
        "cold",
        "the first picture of a camera that is closed, in ms",
        ("portal, test pattern", "portal"),
        is_cold=True,
    ),
)
