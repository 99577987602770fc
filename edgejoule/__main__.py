"""`python3 -m edgejoule ...`: the command line."""

import sys

from edgejoule.stopping import STOP

if __name__ == "__main__":
    STOP.heed()  # before the imports of the command line, which take their time
    from edgejoule.command_line import main

    sys.exit(main())
