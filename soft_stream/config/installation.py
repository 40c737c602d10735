"""Where the releases on a machine are: that of the Debian package, and those of the deployment."""

from pathlib import Path

from soft_stream.message import Message

# a link to the release that `scripts/deploy-soft-stream.sh` has installed
DEPLOYED = Path("/opt/camera-soft-stream/current")
# a link to the release of the package
PACKAGED = Path("/usr/lib/camera-soft-stream/current")
# the units of either
DEPLOYED_UNITS = Path("/usr/local/lib/systemd/system")
PACKAGED_UNITS = Path("/usr/lib/systemd/system")
# where systemd looks for units, the first one counts
SEARCHED_UNITS = (Path("/etc/systemd/system"), Path("/run/systemd/system"), DEPLOYED_UNITS, PACKAGED_UNITS)
SERVICE_USER, SERVICE_GROUP = "camera-soft-stream", "video"
# the release that ran before an upgrade of the package; only the service runs it, never root, because its folder is in
# the state directory, which the service may write
PREVIOUS = Path("/var/lib/camera-soft-stream/previous")
# why the cameras run the previous release: one sentence, until the next upgrade of the package
FAILED_UPGRADE = Path("/etc/camera-streamer/failed-upgrade.txt")
# characters of that sentence that are shown
LONGEST_REASON = 500


def describe_failed_upgrade(text: str | None) -> str:
    """Return the sentence about the failed upgrade; `text` is the begin of FAILED_UPGRADE, None without that file."""
    if text is None:
        return ""
    sentence = " ".join(text[: 4 * LONGEST_REASON].split()).rstrip("\N{REPLACEMENT CHARACTER}")  # one that is cut
    if not sentence or not sentence.isprintable() or "\N{REPLACEMENT CHARACTER}" in sentence:
        return Message(
            "upgrade_failed",
            "The last upgrade of camera-soft-stream has failed, and the cameras run the release before it.",
        )
    return sentence if len(sentence) <= LONGEST_REASON else f"{sentence[:LONGEST_REASON]}..."
