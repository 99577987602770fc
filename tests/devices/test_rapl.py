"""Processor counters on an emulated powercap tree: zones, wraps, mirrors, permission."""

import os

import pytest
from rigs import board_rig

from edgejoule.devices import choose
from edgejoule.devices.adapters import rapl
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.meter import Meter
from edgejoule.devices.several import Several

RANGE = 262143328850


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


class Tree:
    """A powercap tree whose zones a test adds."""

    def __init__(self, folder):
        self.root = folder / "sys"
        (self.root / "class/powercap").mkdir(parents=True)

    def zone(self, folder, name, microjoules, range_uj=RANGE, **limits):
        """`limits`: max_power or power_limit in watts, of the first constraint."""
        home = self.root / "class/powercap" / folder
        board_rig.put(home / "name", name + "\n")
        board_rig.put(home / "energy_uj", "{}\n".format(microjoules))
        board_rig.put(home / "max_energy_range_uj", "{}\n".format(range_uj))
        for kind, watts in limits.items():
            limit = home / "constraint_0_{}_uw".format(kind)
            board_rig.put(limit, "{:.0f}\n".format(watts * 1e6))
        return home / "energy_uj"

    def open(self, scope=None, clock=MACHINE):
        return rapl.open(scope, root=str(self.root), clock=clock)

    def laptop(self):
        """The zones of a laptop with everything."""
        self.zone("intel-rapl:0", "package-0", 1)
        self.zone("intel-rapl:0:0", "core", 2)
        self.zone("intel-rapl:0:1", "uncore", 3)
        self.zone("intel-rapl:0:2", "dram", 4)
        self.zone("intel-rapl:1", "psys", 5)
        self.zone("intel-rapl-mmio:0", "package-0", 1)


def test_a_wrap_is_exact(tree):
    counter = tree.zone("intel-rapl:0", "package-0", RANGE - 20000000)
    device = tree.open()
    before = device.read()[-1].joules
    board_rig.renew(counter, 30000000)
    assert device.read()[-1].joules - before == pytest.approx(50.0, abs=1e-9)
    device.close()


def test_many_wraps_are_exact(tree):
    counter = tree.zone("intel-rapl:0", "package-0", 0, range_uj=1000)
    device = tree.open()
    total = 0
    for step in (700, 700, 999, 1, 600, 999):
        total += step
        board_rig.renew(counter, total % 1000)
        assert device.read()[-1].joules == pytest.approx(total * 1e-6, abs=1e-12)
    device.close()


def test_packages_and_their_dram_are_added_and_nothing_else(tree):
    tree.zone("intel-rapl:0", "package-0", 1)
    tree.zone("intel-rapl:0:0", "core", 1)
    tree.zone("intel-rapl:0:1", "dram", 2)
    tree.zone("intel-rapl:1", "package-1", 3)
    tree.zone("intel-rapl:1:0", "dram", 4)
    tree.zone("intel-rapl:2", "psys", 5)
    tree.zone("intel-rapl-mmio:0", "package-0", 1)
    device = tree.open()
    assert sorted(device.read()[-1].rails) == ["dram-0", "dram-1", "package-0", "package-1"]
    device.close()
    device = tree.open("psys")
    assert list(device.read()[-1].rails) == ["psys-2"] and device.info().scope == "board"
    device.close()


def test_a_mirrored_die_counts_once(tree):
    tree.zone("intel-rapl:0", "package-0", 123456)
    tree.zone("intel-rapl:1", "package-1", 123456)
    device = tree.open()
    assert list(device.read()[-1].rails) == ["package-0"]
    device.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_counter_says_the_command_that_mends_it(tree):
    os.chmod(str(tree.zone("intel-rapl:0", "package-0", 1)), 0)
    with pytest.raises(RuntimeError, match="sudo chmod a[+]r"):
        tree.open()


def test_a_forbidden_counter_is_a_reason_for_root_too(tree, monkeypatch):
    tree.zone("intel-rapl:0", "package-0", 1)

    def forbidden(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(rapl.sysfs, "NumberFile", forbidden)
    with pytest.raises(RuntimeError, match="readable by root only.*chmod a[+]r"):
        tree.open()


def test_no_counter_is_a_reason(tree):
    assert not rapl.present(str(tree.root))
    with pytest.raises(RuntimeError, match="no package energy counter"):
        tree.open()


def test_a_counter_without_a_range_does_not_guess_a_wrap(tree):
    counter = tree.zone("intel-rapl:0", "package-0", 1000)
    (counter.parent / "max_energy_range_uj").unlink()
    device = tree.open()
    board_rig.renew(counter, 1)
    with pytest.raises(RuntimeError, match="ran backwards"):
        device.read()
    device.close()


@pytest.mark.parametrize(
    "name,rails,scope",
    [
        (None, ["dram-0", "package-0"], "package"),
        ("package", ["dram-0", "package-0"], "package"),
        ("core", ["core-0"], "core"),
        ("uncore", ["uncore-0"], "uncore"),
        ("dram", ["dram-0"], "dram"),
        ("psys", ["psys-1"], "board"),
        ("package-0", ["package-0"], "package"),
        ("core-0", ["core-0"], "core"),
    ],
)
def test_what_is_asked_for_is_what_is_measured(tree, name, rails, scope):
    tree.laptop()
    device = tree.open(name)
    assert sorted(device.read()[-1].rails) == rails and device.info().scope == scope
    assert device.info().sensing == "counter"
    device.close()


def test_another_name_is_refused_with_the_nearest_one(tree):
    tree.laptop()
    with pytest.raises(ValueError, match="counts .*core-0.*Did you mean 'package'"):
        tree.open("pakage")
    with pytest.raises(ValueError, match="Did you mean 'dram-0'"):
        tree.open("dram-1")


def test_a_part_that_this_processor_does_not_count_is_a_reason(tree):
    tree.zone("intel-rapl:0", "package-0", 1)
    for name in ("psys", "core", "uncore", "dram"):
        with pytest.raises(RuntimeError, match="no {} energy counter.*package-0".format(name)):
            tree.open(name)


def test_the_duplicate_counts_where_it_is_the_only_one(tree):
    tree.zone("intel-rapl-mmio:0", "package-0", 1)
    tree.zone("intel-rapl-mmio:0:0", "dram", 1)
    assert rapl.present(str(tree.root))
    device = tree.open()
    assert sorted(device.read()[-1].rails) == ["dram-0", "package-0"]
    device.close()
    tree.zone("intel-rapl:0", "package-0", 2000000)
    device = tree.open()
    assert device.read()[-1].rails == {"package-0": 2.0, "dram-0": 1e-6}
    device.close()


def test_parts_bear_the_number_of_their_package(tree):
    tree.zone("intel-rapl:0", "package-0", 1)
    tree.zone("intel-rapl:1", "psys", 1)
    tree.zone("intel-rapl:2", "package-1", 2)
    tree.zone("intel-rapl:2:0", "dram", 3)
    device = tree.open()
    assert sorted(device.read()[-1].rails) == ["dram-1", "package-0", "package-1"]
    device.close()


def test_two_counters_of_one_name_are_both_counted(tree):
    tree.zone("intel-rapl:0", "package-0", 1000000)
    tree.zone("intel-rapl:1", "package-0", 2000000)
    device = tree.open()
    assert device.read()[-1].joules == pytest.approx(3.0)
    device.close()


@pytest.mark.parametrize(
    "pair",
    ["package+core", "package+dram", "psys+core", "core+core", "package+package-0", "dram-0+dram"],
)
def test_parts_are_not_added_to_what_holds_them(tree, pair):
    tree.laptop()
    devices = [tree.open(name) for name in pair.split("+")]
    with pytest.raises(ValueError, match="twice"):
        Several(devices)
    Several([tree.open("core"), tree.open("dram")])


def test_the_limit_is_the_firmwares_highest(tree):
    tree.zone("intel-rapl:0", "package-0", 1, max_power=28, power_limit=44)
    home = tree.root / "class/powercap/intel-rapl:0"
    board_rig.put(home / "constraint_1_power_limit_uw", "64000000\n")
    board_rig.put(home / "constraint_1_max_power_uw", "0\n")
    (home / "constraint_2_max_power_uw").mkdir()  # as where the driver says ENODATA
    device = tree.open()
    assert device.info().limit_watts == pytest.approx(64.0)
    device.close()
    tree.zone("intel-rapl:0:0", "dram", 1)
    device = tree.open()
    assert device.info().limit_watts == pytest.approx(128.0)  # a part may draw the package's
    device.close()


def test_where_no_limit_is_told_none_is_made_up(tree):
    tree.zone("intel-rapl:0", "package-0", 1, max_power=0)
    device = tree.open()
    assert device.info().limit_watts is None
    device.close()


def stepped(tree, clock, counters, after_s=0.1, **limits):
    """Joules before and after counters moved: {name: (from J, to J)}."""
    paths = {
        name: tree.zone("intel-rapl:{}".format(number), name, int(begin * 1e6), **limits)
        for number, (name, (begin, _)) in enumerate(counters.items())
    }
    device = tree.open(clock=clock)
    before = device.read()[-1].joules
    clock.sleep(after_s)
    for name, (_, end) in counters.items():
        board_rig.renew(paths[name], end * 1e6)
    after = device.read()[-1].joules
    device.close()
    return before, after, device.notes()


TOP = RANGE * 1e-6


@pytest.mark.parametrize("limits", [{}, {"max_power": 45}, {"power_limit": 45}])
@pytest.mark.parametrize(
    "begin,end,after_s,moved",
    [
        (TOP - 3, 2, 0.1, 5.0),  # 50 W
        (TOP - 30, 20, 1.0, 50.0),
        (TOP - 3000, 100, 60.0, 3100.0),  # a minute without a look
        (200000.0, 0, 0.1, None),
        (20.0, 1, 0.1, None),
        (TOP - 500, 1, 0.1, None),  # 5 kW
    ],
)
def test_a_wrap_is_told_from_a_restart_by_its_watts(
    tree, clock, limits, begin, end, after_s, moved
):
    before, after, notes = stepped(tree, clock, {"package-0": (begin, end)}, after_s, **limits)
    if moved is None:
        assert after < before and "started anew" in notes[0]
    else:
        assert after - before == pytest.approx(moved, abs=1e-6) and not notes


def test_a_restart_is_not_hidden_by_what_others_counted(tree, clock):
    """One falls back by 2 J while the other counts 3 J more."""
    before, after, _ = stepped(tree, clock, {"package-0": (2, 0), "package-1": (500, 503)})
    assert after < before


def test_a_counter_restarted_within_a_window(tree, clock):
    """120 J; unwrapped blindly they were 261 203."""
    counter = tree.zone("intel-rapl:0", "package-0", 1000e6, max_power=45)
    begun, restarted = clock.now(), clock.now() + 7.05

    def follow(now):
        since = now - restarted if now >= restarted else now - begun + 1000 / 12.0
        board_rig.renew(counter, 12e6 * since)

    clock.follow(follow)
    with Meter(tree.open(clock=clock), clock=clock) as meter:
        clock.sleep(1.0)
        with meter.window() as opened:
            clock.sleep(10.0)
    assert opened.reading.joules == pytest.approx(120.0, rel=0.05)
    assert opened.reading.status == "degraded"
    assert any("started anew" in text for text in meter.warnings())


def test_a_counter_without_a_range_goes_on_after_its_restart(tree):
    counter = tree.zone("intel-rapl:0", "package-0", 1000000)
    (counter.parent / "max_energy_range_uj").unlink()
    device = tree.open()
    board_rig.renew(counter, 0)
    with pytest.raises(RuntimeError, match="ran backwards"):
        device.read()
    board_rig.renew(counter, 500000)
    assert device.read()[-1].joules == pytest.approx(0.5)
    device.close()


@pytest.mark.parametrize("sign", [".dockerenv", "run/.containerenv"])
def test_a_container_is_told_how_to_see_the_counters(tree, tmp_path, sign):
    with pytest.raises(RuntimeError) as caught:
        tree.open()
    assert "this is a container" not in str(caught.value)
    board_rig.put(tmp_path / sign, "")
    with pytest.raises(RuntimeError, match="-v /sys/class/powercap:/sys/class/powercap:ro"):
        tree.open()


def test_the_first_processs_group_tells_of_a_container_too(tree, tmp_path):
    board_rig.put(tmp_path / "proc/1/cgroup", "12:cpu:/docker/4c2f\n")
    with pytest.raises(RuntimeError, match="--sysfs /host/sys.*root only"):
        tree.open()


def test_a_counter_that_fails_to_open_is_a_reason(tree):
    board_rig.put(tree.zone("intel-rapl:0", "package-0", 1), "garbage\n")
    with pytest.raises(RuntimeError, match="^rapl: a counter cannot be read.*garbage"):
        tree.open()


def test_a_tree_of_another_place_is_named_in_the_choice(tree):
    tree.laptop()
    device = choose.open("rapl:core", sysfs=str(tree.root))
    assert list(device.read()[-1].rails) == ["core-0"]
    device.close()
