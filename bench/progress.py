"""What a person sees of a long run: a bar on a terminal, a line an epoch otherwise.

Written between measured windows only: a bar that is redrawn inside one costs joules on a board.
"""

import sys
from typing import TextIO

from tqdm import tqdm

from edgejoule.bench import rounding
from edgejoule.bench.records import EpochRecord
from edgejoule.bench.stderr import tell


class Progress:
    """Tells one run's epochs to standard error; every line also goes to `log`."""

    def __init__(self, title: str, log: TextIO) -> None:
        self.title, self.log = title, log
        live = sys.stderr.isatty()
        self.bar = tqdm(desc=title, unit="epoch", leave=False) if live else None

    def epoch(self, record: EpochRecord) -> None:
        """Tells one finished epoch."""
        text = line(record)
        self._write(text)
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)  # `update` draws it
            self.bar.update()
        else:
            tell(self.title + ": " + text)

    def say(self, sentence: str) -> None:
        """Tells a sentence that stays on the screen."""
        self._write(sentence)
        # by tqdm, which moves its bar out of the way
        tqdm.write("{}: {}".format(self.title, sentence), file=sys.stderr)

    def close(self) -> None:
        """Ends the bar."""
        if self.bar is not None:
            self.bar.close()

    def _write(self, text: str) -> None:
        self.log.write(text + "\n")
        self.log.flush()  # whoever looks why a run hangs finds its last line


def line(record: EpochRecord) -> str:
    """One finished epoch in words, as the terminal and the log have it."""
    joules = "" if record.joules is None else ", {:.4g} J".format(record.joules)
    loss = "diverged" if record.loss is None else "{:.4f}".format(record.loss)
    return "{} epoch {}: loss {}, accuracy {}%, {:.2f} s{}".format(
        record.phase,
        record.epoch + 1,
        loss,
        rounding.percent(record.accuracy),
        record.seconds,
        joules,
    )
