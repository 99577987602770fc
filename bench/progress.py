"""What a person sees of a long run: a bar on a terminal, a line an epoch otherwise.

Runs side by side have lines on a terminal too. The bar, or the line there, says when the case and
its suite should be done, by the epochs measured so far.

Written between measured windows only: a bar that is redrawn inside one costs joules on a board.
"""

import sys
from typing import Dict, Optional, Sequence, TextIO, Tuple

from tqdm import tqdm

from edgejoule.bench import rounding
from edgejoule.bench.estimates.countdown import Countdown
from edgejoule.bench.records import EpochRecord
from edgejoule.bench.stderr import tell


class Progress:
    """Tells one run's epochs to standard error; every line also goes to `log`.

    Args:
        title: what each line begins with.
        log: a file that gets every line.
        eta: what is known of the time ahead, as of `estimates.remaining.Remaining.eta`.
        alone: nobody else writes to this terminal meanwhile; bars of several overwrite each other.
    """

    def __init__(
        self, title: str, log: TextIO, eta: Optional[Dict] = None, alone: bool = True
    ) -> None:
        self.title, self.log = title, log
        self.countdown = Countdown(eta or {})
        self.live = sys.stderr.isatty()
        self.bar = tqdm(desc=title, unit="epoch", leave=False) if self.live and alone else None

    def epoch(self, record: EpochRecord) -> None:
        """Tells one finished epoch."""
        text = line(record)
        self._write(text)
        self.countdown.epoch(record.phase, record.seconds + record.evaluation_seconds)
        ahead = self.countdown.text() if self.live else ""
        if self.bar is not None:
            # the time first: the end of a line that is too long is what tqdm cuts off
            # `update` draws it
            self.bar.set_postfix_str(", ".join([ahead, text] if ahead else [text]), refresh=False)
            self.bar.update()
        else:
            tell(self.title + ": " + ", ".join([text, ahead] if ahead else [text]))

    def expect(self, phases: Sequence[Tuple[str, float, float]]) -> None:
        """Takes what is ahead: (phase, epochs, cost of an epoch against a dense one), in order."""
        self.countdown.expect(phases)

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
