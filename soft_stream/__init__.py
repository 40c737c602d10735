"""The portal that turns the cameras of a Raspberry Pi into web pages, streams and snapshots.

One process serves one camera. Read the files in this order:

- `settings.py`: every setting once (`values.py`: how they are written); the layers that a value can come from
  (`env_file.py`: systemd's syntax)
- `cameras/`: what a camera is (`__init__.py`), one that is made of arithmetic, and those that Picamera2 drives
- `jpeg.py`: raw frames become JPEGs (`encoding.py`: in one thread, or more); `multipart.py`: JPEGs become parts
- `feed.py`: the newest frame, and whoever takes the next one; `rendition.py`: in what form; `demand.py`: the clients,
  and what they wish for
- `source.py`: the life of a camera; `opening.py`: one opening of it, with `lens.py` and `stills.py`; `condition.py`:
  what is known about it; `camera_thread.py`: where it is touched; `controls.py`: what it was told; `ease.py`: what it
  gives up when it gets too much
- `snapshots.py`: what a snapshot promises; `pause.py`: another program has the camera; `liveness.py`: systemd
- `notices.py`: the labelled picture that stands in for frames that do not come
- `web/`: the URLs, one file per kind of answer; `app.py` lists them; `legacy/`: those of older programs
- `serve.py`: all of this as one process; `listening.py`: where it listens; `logs.py`: where its log goes

Rules that always hold: only `cameras/picamera/` knows Picamera2 and only `jpeg.py` knows simplejpeg; one thread
touches the camera; one task changes the state; nothing blocks the event loop; a client costs at most one frame of
memory; settings are read once, frozen, and passed in; every wait has a timeout, in seconds unless its name says else.
"""

__version__ = "0.1.0"
