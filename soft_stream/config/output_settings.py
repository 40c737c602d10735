"""The settings of what is done with the frames beside serving them by HTTP, and of the owner's own pages."""

from dataclasses import dataclass

from soft_stream.config import value_types as types
from soft_stream.config.setting import setting
from soft_stream.config.zmq_endpoint import zmq_endpoint


@dataclass(frozen=True, kw_only=True)
class OutputSettings:
    """The part of the settings of one camera that is about other outputs than its pages, streams and snapshots."""

    save: str = setting("", types.path(), "folder in which frames are saved as JPEGs", per_camera=True)
    save_interval: float = setting(
        0.0, types.number(0, 86400, "seconds; 0 saves each frame"), "time between saved frames"
    )
    save_count: int = setting(
        0, types.integer(0, 10_000_000, "files; 0 is no limit"), "number of saved files; the oldest ones are deleted"
    )
    save_size: int = setting(
        1000, types.integer(0, 10_000_000, "MB; 0 is no limit"), "size of all saved files; the oldest ones are deleted"
    )
    save_reserve: int = setting(
        200,
        types.integer(0, 10_000_000, "MB"),
        "free space that saved files leave on the disk, at most a tenth of it",
    )
    save_as: str = setting(
        "files",
        types.choice("files", "mjpeg"),
        "how frames are saved; files: one JPEG each; mjpeg: one after the other",
    )
    save_link: str = setting(
        "", types.name_in_folder(), "second name of the newest saved file, in the same folder", per_camera=True
    )
    save_command: str = setting(
        "", types.command(), "command that is run for each saved file, with its path as the last argument"
    )
    zmq: str = setting(
        "", zmq_endpoint(), "ZeroMQ endpoint that publishes frames, such as tcp://127.0.0.1:5555", per_camera=True
    )
    zmq_frames: int = setting(1, types.integer(1, 1000, "frames"), "frames in each ZeroMQ message")
    www: str = setting("", types.path(), "folder of your own pages, served beside ours", per_camera=True)
    www_links: str = setting(
        "", types.text(), "links of that folder that may lead out of it, with spaces between them", per_camera=True
    )
