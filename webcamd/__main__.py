"""Run the command `webcamd`: `python -m webcamd`."""

import sys

from soft_stream.cli.webcamd import main

if __name__ == "__main__":
    sys.exit(main())
