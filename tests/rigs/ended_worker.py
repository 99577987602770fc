"""A worker's process that has ended, for a case that a test does within its own process."""


class EndedWorker:
    """Stands for a `subprocess.Popen`; its exit code is known from the beginning."""

    def __init__(self, code):
        self.code = code

    def poll(self):
        """The exit code: it has ended."""
        return self.code

    wait = poll

    def kill(self):
        """There is nothing left to end."""


def instead(work):
    """What stands for `runner.start_worker`: does `work(path)`, whose result is the exit code."""
    return lambda path, place: EndedWorker(work(path))
