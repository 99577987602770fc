"""What a command says while it works. Standard output is for results, which a program may read."""

import sys


def tell(sentence: str) -> None:
    """A line on standard error, at once."""
    print(sentence, file=sys.stderr, flush=True)
