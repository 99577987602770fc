"""The simulation feeds noise to the real gate and the real verdict, and tells the truth of both."""

import json

from edgejoule import command_line
from edgejoule.bench.gates import limits, simulate

DEFAULTS = limits.Thresholds()


def test_the_simulation_of_nights_goes_through_the_real_gate():
    lines = {line.what: line for line in simulate.nightly(30, DEFAULTS)}
    found = lines["steps of 5% found within 4 nights, noise 1.5%"]
    assert found.value >= 0.9 and found.low < found.value <= found.high
    calm = lines["false alarms per night, noise 1.5%"]
    assert calm.trials == 1800 and calm.value <= 0.006
    deaf = {line.what: line.value for line in simulate.nightly(5, DEFAULTS._replace(z=50.0))}
    assert set(deaf.values()) == {0.0}


def test_the_simulation_of_pairs_goes_through_the_real_verdict():
    values = [line.value for line in simulate.compared(100, DEFAULTS)]
    assert values[0] <= 0.1 and values[1] == 0.0, "no effect"
    assert values[2] > 0.4 > values[3], "2 %, below the floor"
    assert values[4] > 0.85 and values[5] > 0.85, "5 %"


def test_the_innocent_are_dismissed_and_the_guilty_confirmed():
    values = [line.value for line in simulate.tried(60, DEFAULTS)]
    assert values[0] <= 0.05 and values[1] >= 0.85, "innocent"
    assert values[2] >= 0.95 and values[3] == 0.0, "guilty"


def test_the_simulated_machine_drifts():
    logs = simulate.machine(simulate.stream(1), 4000)
    near = sum((a - b) ** 2 for a, b in zip(logs, logs[1:3501]))
    far = sum((a - b) ** 2 for a, b in zip(logs, logs[500:]))
    assert near < 0.8 * far
    again = [simulate.machine(simulate.stream(1), 9).tolist() for _ in range(2)]
    assert again[0] == again[1]


def test_the_table_is_printed_and_decides_the_exit_code(capsys):
    assert command_line.main(["gate", "--simulate", "--trials", "3", "--json"]) in (0, 1)
    lines = json.loads(capsys.readouterr()[0])["lines"]
    assert {"what", "value", "low", "high", "trials", "promised", "kept"} == set(lines[0])
    assert "percent" in next(simulate.text([simulate.Line(**line) for line in lines]))


def test_thresholds_that_find_nothing_break_the_promise(tmp_path, capsys):
    path = tmp_path / "edgejoule.toml"
    path.write_text("[gate]\nz = 50\n")
    assert (
        command_line.main(["gate", "--simulate", "--trials", "2", "--thresholds", str(path)]) == 1
    )
    assert "BROKEN" in capsys.readouterr()[0]
