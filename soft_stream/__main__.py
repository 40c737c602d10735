"""Run the command line: `python -m soft_stream`."""

import sys

from soft_stream.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
