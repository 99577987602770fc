"""Processor counters on an emulated powercap tree: zones, wraps, mirrors, permission."""

import os

import pytest
from rigs import board_rig

from edgejoule.devices.adapters import rapl

RANGE = 262143328850


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


class Tree:
    """A powercap tree whose zones a test adds."""

    def __init__(self, folder):
        self.root = folder / "sys"
        (self.root / "class/powercap").mkdir(parents=True)

    def zone(self, folder, name, microjoules, range_uj=RANGE):
        home = self.root / "class/powercap" / folder
        board_rig.put(home / "name", name + "\n")
        board_rig.put(home / "energy_uj", "{}\n".format(microjoules))
        board_rig.put(home / "max_energy_range_uj", "{}\n".format(range_uj))
        return home / "energy_uj"

    def open(self, scope=None):
        return rapl.open(scope, root=str(self.root))


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
