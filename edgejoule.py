#!/usr/bin/env python3
"""The command line from a bare clone: `python3 edgejoule.py ...` needs no installation."""

import sys

from edgejoule.command_line import main  # the folder beside this file wins over this file

if __name__ == "__main__":
    sys.exit(main())
