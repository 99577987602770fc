#!/usr/bin/env python3
"""The command line from a bare clone: `python3 edgejoule.py ...` needs no installation."""

import sys

from edgejoule.stopping import STOP  # the folder beside this file wins over this file

if __name__ == "__main__":
    STOP.heed()  # before the imports of the command line, which take their time
    from edgejoule.command_line import main

    sys.exit(main())
