"""The pool: as many workers as there are places, in order, and nobody is left behind."""

import pytest

from edgejoule.bench.pool import Place, Pool


class Timed:
    """A process that ends by itself `seconds` from now, in virtual time."""

    def __init__(self, clock, seconds, code=0):
        self.clock, self.ends_s, self.code = clock, clock.now() + seconds, code

    def poll(self):
        return self.code if self.clock.now() >= self.ends_s else None

    def wait(self):
        self.clock.sleep(self.ends_s - self.clock.now())
        return self.code

    def kill(self):
        self.ends_s, self.code = min(self.ends_s, self.clock.now()), -9


def walked(clock, places, lengths):
    """[(what, which, seconds since the beginning)] of workers of these lengths."""
    told, begun_s = [], clock.now()

    def tell(what, which):
        told.append((what, which, round(clock.now() - begun_s, 1)))

    with Pool([Place({"place": str(i)}) for i in range(places)], clock) as pool:
        for which, seconds in enumerate(lengths):
            place = pool.free()
            tell("place " + place.environment["place"], which)
            pool.work(place, Timed(clock, seconds), lambda code, which=which: tell("ended", which))
        pool.finish()
    return told


def test_one_place_is_one_after_the_other(clock):
    assert walked(clock, 1, [5, 1]) == [
        ("place 0", 0, 0),
        ("ended", 0, 5),
        ("place 0", 1, 5),
        ("ended", 1, 6),
    ]


def test_a_place_is_taken_again_as_soon_as_its_worker_has_ended(clock):
    assert walked(clock, 2, [5, 1, 2]) == [
        ("place 0", 0, 0),
        ("place 1", 1, 0),
        ("ended", 1, 1),
        ("place 1", 2, 1),
        ("ended", 2, 3),
        ("ended", 0, 5),
    ]


def test_whoever_leaves_early_ends_all_workers(clock):
    workers = [Timed(clock, seconds) for seconds in (50, 60)]
    begun_s = clock.now()
    with pytest.raises(KeyboardInterrupt), Pool([Place(), Place()], clock) as pool:
        for worker in workers:
            pool.work(pool.free(), worker, lambda code: pytest.fail("it did not end by itself"))
        raise KeyboardInterrupt
    assert [worker.code for worker in workers] == [-9, -9] and clock.now() == begun_s
