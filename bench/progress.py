"""What a person sees of a long run: a bar on a terminal, a line an epoch otherwise.

Spoken between measured windows only: a bar that ticks inside one costs joules on a board.
"""

import sys

from tqdm import tqdm


def tell(sentence: str) -> None:
    """A line on standard error, at once: standard output is for results."""
    print(sentence, file=sys.stderr, flush=True)


class Progress:
    """Tells one run's epochs to standard error; every line also goes to `log`."""

    def __init__(self, title: str, log):
        self.title, self.log = title, log
        live = sys.stderr.isatty()
        self.bar = tqdm(desc=title, unit="epoch", leave=False) if live else None

    def epoch(self, record) -> None:
        """One finished epoch."""
        text = self._text(record)
        self._write(text)
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update()
        else:
            print(self.title + ": " + text, file=sys.stderr, flush=True)

    def say(self, sentence: str) -> None:
        """A sentence that must not be lost."""
        self._write(sentence)
        tqdm.write("{}: {}".format(self.title, sentence), file=sys.stderr)

    def close(self) -> None:
        """Ends the bar."""
        if self.bar is not None:
            self.bar.close()

    def _write(self, text):
        self.log.write(text + "\n")
        self.log.flush()

    @staticmethod
    def _text(record) -> str:
        joules = "" if record.joules is None else ", {:.4g} J".format(record.joules)
        loss = "diverged" if record.loss is None else "{:.4f}".format(record.loss)
        return "{} epoch {}: loss {}, accuracy {:.1%}, {:.2f} s{}".format(
            record.phase, record.epoch + 1, loss, record.accuracy, record.seconds, joules
        )
