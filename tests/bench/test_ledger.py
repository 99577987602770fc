"""The ledger: a phase pays for everything inside it except looking at the test set."""

import pytest
from rigs.fake_meter import FakeMeter

from edgejoule.bench.measure import Ledger

FACTS = dict(
    loss=1.0, train_accuracy=0.5, accuracy=0.4, celsius=None, learning_rate=0.1, channels=7
)


def two_epochs(watts):
    """A search phase: two epochs of 3 s, each looked at for 1 s and probed for 0.5 s."""
    meter, edges = FakeMeter(watts), []
    ledger = Ledger(meter, lambda: edges.append(meter.now))
    ledger.per_sample = {"exact": 10, "paper": None, "fvcore": 4}
    with ledger.phase("search"):
        for _ in range(2):
            with ledger.window("epoch") as trained:
                meter.now += 3.0
            with ledger.evaluation() as evaluated:
                meter.now += 1.0
            ledger.epoch(trained, evaluated, 100, **FACTS)
            meter.now += 0.5
            ledger.charge(50, "sign codes")
    return ledger, edges


def test_a_phase_is_its_window_less_the_evaluations():
    ledger, _ = two_epochs(watts=5.0)
    phase = ledger.phases[0]
    assert phase.name == "search" and phase.epochs == 2
    assert phase.seconds == pytest.approx(7.0)
    assert phase.joules == pytest.approx(35.0)
    assert phase.evaluation_seconds == pytest.approx(2.0)
    assert phase.evaluation_joules == pytest.approx(10.0)
    assert [epoch.seconds for epoch in ledger.epochs] == [3.0, 3.0]
    assert [epoch.joules for epoch in ledger.epochs] == [15.0, 15.0]


def test_flops_of_a_phase_are_its_epochs_and_charges_and_never_invented():
    flops = two_epochs(5.0)[0].phases[0].flops
    assert flops == {"exact": 2 * 1000 + 2 * 50, "paper": None, "fvcore": 2 * 400}


def test_without_a_sensor_joules_are_none_with_the_reason_and_never_zero():
    ledger, _ = two_epochs(watts=None)
    for record in ledger.phases + ledger.epochs:
        assert record.joules is None and record.joules_reason == "no sensor"
        assert record.evaluation_joules is None
        assert record.seconds > 0


def test_the_device_is_idle_at_every_edge():
    ledger, edges = two_epochs(5.0)
    assert edges == [0.0] + [0.0, 3.0, 3.0, 4.0] + [4.5, 7.5, 7.5, 8.5] + [9.0]
    assert ledger.phases[0].seconds == pytest.approx(7.0)


def test_phases_do_not_nest():
    ledger = Ledger(FakeMeter(1.0), lambda: None)
    with pytest.raises(ValueError) as caught:
        with ledger.phase("dense"):
            with ledger.phase("score"):
                raise AssertionError("nested")
    assert "phases do not nest" in str(caught.value)


def test_an_epoch_outside_a_phase_is_refused():
    ledger = Ledger(FakeMeter(1.0), lambda: None)
    with ledger.window("epoch") as trained, ledger.evaluation() as evaluated:
        pass
    with pytest.raises(ValueError, match="outside a phase.*with trainer.phase"):
        ledger.epoch(trained, evaluated, 100, **FACTS)


def test_a_phase_without_epochs_has_exactly_its_charges():
    ledger = Ledger(FakeMeter(2.0), lambda: None)
    with ledger.phase("score"):
        ledger.meter.now += 1.5
        ledger.charge(123, "scores")
    phase = ledger.phases[0]
    assert (phase.seconds, phase.joules, phase.epochs) == (1.5, 3.0, 0)
    assert phase.flops["exact"] == 123 and phase.evaluation_joules is None
