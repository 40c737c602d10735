"""A program that subscribes to frames with pyzmq and protobuf, and prints a line of JSON for each message.

Its messages are described here as in mjpg-streamer's `package.proto`, without code of the server.
Arguments: the endpoint, the number of messages, and seconds to sleep after each of them.
"""

import json
import sys
import time
from typing import Any

import zmq
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

UINT32, BYTES, MESSAGE = 13, 12, 11
REQUIRED, REPEATED = 2, 3


def package_class() -> Any:
    """Return the class of the message `pb.Package`."""
    file = descriptor_pb2.FileDescriptorProto(name="package.proto", package="pb", syntax="proto2")
    package = file.message_type.add(name="Package")
    frame = package.nested_type.add(name="Frame")
    for number, name in enumerate(("timestamp_unix", "timestamp_s", "timestamp_us"), 1):
        frame.field.add(name=name, number=number, type=UINT32, label=REQUIRED)
    frame.field.add(name="blob", number=4, type=BYTES, label=REQUIRED)
    package.field.add(name="frame", number=1, type=MESSAGE, label=REPEATED, type_name=".pb.Package.Frame")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName("pb.Package")
    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and later
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def main() -> None:
    """Print what arrives."""
    endpoint, count, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    package_type = package_class()
    socket: Any = zmq.Context.instance().socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 1)
    socket.setsockopt(zmq.RCVBUF, 4096)
    socket.connect(endpoint)
    socket.subscribe(b"frames")
    for _ in range(count):
        topic, body = socket.recv_multipart()
        package = package_type.FromString(body)
        frames = [
            {
                "unix": each.timestamp_unix,
                "seconds": each.timestamp_s + each.timestamp_us / 1e6,
                "bytes": len(each.blob),
                "is_jpeg": each.blob[:2] == b"\xff\xd8" and each.blob[-2:] == b"\xff\xd9",
                "blob": each.blob.hex() if len(each.blob) < 100 else "",
            }
            for each in package.frame
        ]
        sys.stdout.write(json.dumps({"topic": topic.decode(), "frames": frames, "at": time.time()}) + "\n")
        sys.stdout.flush()
        time.sleep(pause)


if __name__ == "__main__":
    main()
