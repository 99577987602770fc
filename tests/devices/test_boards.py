"""Board tables: the right total on every board, no rail twice, no child added."""

import pytest
from rigs import board_rig

from edgejoule.devices.adapters import ina3221
from edgejoule.devices.vendors import boards, ina_channels, sysfs


@pytest.mark.parametrize("board", sorted(board_rig.BOARDS))
def test_the_usual_total_is_the_boards(tmp_path, board):
    device = ina3221.open(root=str(board_rig.build(tmp_path, board)))
    scope, watts = board_rig.TOTALS[board]
    assert device.info().scope == scope
    assert device.read()[-1].watts == pytest.approx(watts, abs=0.011)
    device.close()


@pytest.mark.parametrize("board,watts", [("tx2", 4.956), ("tx1", 6.0), ("igx", 27.0)])
def test_the_dev_kit_adds_the_carriers_own_branch(tmp_path, board, watts):
    device = ina3221.open("board", root=str(board_rig.build(tmp_path, board)))
    assert device.read()[-1].watts == pytest.approx(watts)
    device.close()


@pytest.mark.parametrize("board", sorted(board_rig.BOARDS))
def test_every_labelled_rail_is_found_once_though_two_paths_lead_there(tmp_path, board):
    rails = [rail.label for rail in ina_channels.find(str(board_rig.build(tmp_path, board)))]
    wanted = [
        label for chip in board_rig.BOARDS[board][3].values() for label, _ in chip if label != "NC"
    ]
    assert sorted(rails) == sorted(wanted)


@pytest.mark.parametrize("board", sorted(board_rig.BOARDS))
def test_rails_alone_name_the_same_total(board):
    chips = board_rig.BOARDS[board][3]
    rails = {label for chip in chips.values() for label, _ in chip} - {"NC"}
    told = boards.identify(board_rig.BOARDS[board][2], rails)
    guessed = boards.identify("", rails)
    scope = boards.scope_of(told, rails)
    assert guessed.total(scope) == told.total(scope)


def test_no_board_adds_a_rail_and_its_child():
    for board in boards.BOARDS:
        for total in (board.module, board.board):
            assert not set(total) & set(board.children), board.name


def test_thor_without_its_input_sensor_says_what_is_missing(tmp_path):
    root = board_rig.build(tmp_path, "thor")
    for link in list(root.glob("bus/i2c/*/2-0044")) + list(root.glob("bus/i2c/drivers/*/2-0044")):
        link.unlink()
    device = ina3221.open(root=str(root))
    assert device.read()[-1].watts == pytest.approx(13.49, abs=0.02)
    assert "VIN is missing" in device.notes()[0]
    device.close()


def test_an_unknown_board_is_refused_by_name_of_its_rails():
    assert boards.identify("", {"VDD_MYSTERY"}) is None
    assert boards.identify("nvidia,p3701-0000", {"VDD_IN"}) is None


def test_a_disabled_channel_is_left_out(tmp_path):
    root = board_rig.build(tmp_path, "orin_nano")
    board_rig.put(next(root.glob("devices/i2c/1-0040/hwmon/*/in3_enable")), "0\n")
    assert "VDD_SOC" not in [rail.label for rail in ina_channels.find(str(root))]


def test_a_number_file_follows_replacement_and_reports_loss(tmp_path):
    path = tmp_path / "value"
    board_rig.put(path, "5\n")
    file = sysfs.NumberFile(str(path))
    assert file.read() == 5
    board_rig.renew(path, 6)
    assert file.read() == 6
    board_rig.put(path, "-7\n")
    assert thrice(file)[-1] == -7
    path.unlink()
    with pytest.raises(FileNotFoundError):
        thrice(file)
    with pytest.raises(FileNotFoundError):
        file.read()
    board_rig.put(path, "")
    with pytest.raises(RuntimeError, match="expected a number, found ''"):
        thrice(file)
    file.close()


def thrice(file):
    """Three reads: what a file's name stands for is looked into at every third."""
    return [file.read() for _ in range(3)]
