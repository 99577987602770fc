"""`python3 -m edgejoule ...`: the command line."""

import sys

from edgejoule.command_line import main

if __name__ == "__main__":
    sys.exit(main())
