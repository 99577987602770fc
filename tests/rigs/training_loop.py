"""A training loop without a framework: what a sensor's failure must not disturb."""

POINTS = [(0.1 * i, 3.0 * 0.1 * i - 1.0) for i in range(50)]
STEP_S, LONGEST_STEP_S = 0.001, 2.0


class Training:
    """Gradient descent on a line; remembers its longest step and that it learned."""

    def __init__(self, clock):
        self.clock = clock
        self.slope, self.offset, self.steps, self.longest_s = 0.0, 0.0, 0, 0.0

    def run(self, seconds: float):
        """Train that long."""
        ends = self.clock.now() + seconds
        while self.clock.now() < ends:
            begun = self.clock.now()
            self._step()
            self.clock.sleep(STEP_S)  # as a loop that waits for its GPU lets other threads run
            self.longest_s = max(self.longest_s, self.clock.now() - begun)

    def _step(self):
        errors = [(x, self.slope * x + self.offset - y) for x, y in POINTS]
        self.slope -= 0.05 * sum(e * x for x, e in errors) / len(errors)
        self.offset -= 0.05 * sum(e for _, e in errors) / len(errors)
        self.steps += 1


def measured(meter, seconds: float, inject, after_s: float):
    """(reading, training): a window round training, `inject()` in it, its end `after_s` later."""
    training = Training(meter.clock)
    meter.begin("training")
    training.run(seconds)
    inject()
    training.run(after_s)
    before = meter.clock.now()
    reading = meter.end("training")
    assert meter.clock.now() - before < 2.0, "the end of the window blocked"
    assert training.longest_s < LONGEST_STEP_S and training.steps > 50 * seconds
    training.run(0.05)  # it goes on
    return reading, training
