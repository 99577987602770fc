"""Board tables: the right total on every board, no rail twice, no child added."""

import errno
from contextlib import contextmanager

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
    scope = told.usual_scope
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


@pytest.mark.parametrize("board", sorted(board_rig.BOARDS))
def test_every_total_has_a_limit_that_its_watts_stay_below(board, tmp_path):
    device = ina3221.open(root=str(board_rig.build(tmp_path, board)))
    limit = device.info().limit_watts
    assert board_rig.TOTALS[board][1] < limit < 3 * 70 + 1
    device.close()


def test_full_scale_of_the_register_is_a_limit_too(tmp_path):
    root = board_rig.build(tmp_path, "orin_nano")
    device = ina3221.open(root=str(root))
    assert device.info().limit_watts == pytest.approx(1.25 * 40)  # 409 W at full scale
    device.close()
    for shunt in root.glob("devices/i2c/*/hwmon/*/shunt*_resistor"):
        board_rig.put(shunt, "20000\n")
    device = ina3221.open(root=str(root))
    assert device.info().limit_watts == pytest.approx(0.1638 / 0.02 * 5.0)
    device.close()


def outcome(root, scope=None):
    """(scope, watts) of a board's total, or the refusal; whatever else is raised is a fault."""
    try:
        device = ina3221.open(scope, root=str(root))
    except (RuntimeError, ValueError) as error:
        assert type(error) in (RuntimeError, ValueError), repr(error)
        assert str(error).startswith("ina3221: ") and "\n" not in str(error), error
        return str(error)
    try:
        samples = [device.read()[-1] for _ in range(4)]
        assert len({round(sample.watts, 6) for sample in samples}) == 1
        return device.info().scope, samples[-1].watts
    except RuntimeError as error:
        assert str(error).startswith("ina3221: ") and "\n" not in str(error), error
        return str(error)
    finally:
        device.close()


def is_right(board, found):
    """True for a refusal, and for the watts that this board draws in that scope."""
    if isinstance(found, str):
        return True
    totals = dict([board_rig.TOTALS[board], board_rig.OTHER_TOTALS.get(board, ("none", None))])
    return found[1] == pytest.approx(totals[found[0]], abs=0.011)


def rails_of(board):
    return [label for chip in board_rig.BOARDS[board][3].values() for label, _ in chip]


@pytest.mark.parametrize("board", sorted(board_rig.BOARDS))
@pytest.mark.parametrize("scope", [None, "module", "board", "modul"])
def test_a_rail_that_is_missing_is_never_a_smaller_sum(board, scope, tmp_path):
    for number, label in enumerate(rails_of(board)):
        if label in ("NC", "VIN"):
            continue
        root = board_rig.build(tmp_path / str(number), board)
        board_rig.label_file(root, label).unlink()
        found = outcome(root, scope)
        assert is_right(board, found), (label, found)
        if scope == "modul":
            assert isinstance(found, str)


@pytest.mark.parametrize("board", sorted(board_rig.BOARDS))
@pytest.mark.parametrize("told", [True, False])
def test_a_label_that_stands_twice_is_told_apart_or_refused(board, told, tmp_path):
    """As when a carrier has a monitor of its own whose channel bears the module's name."""
    scope, watts = board_rig.TOTALS[board]
    totals = ina3221.open(root=str(board_rig.build(tmp_path / "whole", board)))
    summed = totals.info().rail.split("+")
    totals.close()
    for number, label in enumerate(sorted(set(rails_of(board)) - {"NC", "VIN"})):
        root = board_rig.build(tmp_path / str(number), board)
        if not told:
            board_rig.put(root / "firmware/devicetree/base/compatible", "nvidia,unheard-of")
        board_rig.add_chip(root, board, "9-0045", [(label, 777)])
        found = outcome(root)
        if label in summed:
            assert "2 rails called " + label in found and "9-0045" in found, found
        else:
            assert found == (scope, pytest.approx(watts, abs=0.011)), label


def test_children_of_one_label_are_kept_apart(tmp_path):
    root = board_rig.build(tmp_path, "xavier_nx")
    board_rig.add_chip(root, "xavier_nx", "9-0045", [("VDD_SOC", 777), ("VDD_SOC", 888)])
    device = ina3221.open(root=str(root))
    rails = {}
    for _ in range(8):
        rails.update(device.read()[-1].rails)
    device.close()
    assert rails["VDD_SOC@7-0040.2"] == pytest.approx(1.1)
    assert rails["VDD_SOC@9-0045.0"] == pytest.approx(0.777)
    assert rails["VDD_SOC@9-0045.1"] == pytest.approx(0.888)
    assert "VDD_SOC" not in rails


def test_the_usual_total_is_not_exchanged_for_another_scopes(tmp_path):
    """A run of the module and one of the whole machine must not share a name."""
    root = board_rig.build(tmp_path, "igx")
    board_rig.label_file(root, "VDD_CPU_CV").unlink()
    with pytest.raises(RuntimeError, match="no 'module' total.*VDD_CPU_CV.*ina3221:board"):
        ina3221.open(root=str(root))
    device = ina3221.open("board", root=str(root))
    assert device.read()[-1].watts == pytest.approx(27.0)
    device.close()


def test_the_developer_kit_without_its_carriers_rail_is_refused_in_a_sentence(tmp_path):
    root = board_rig.build(tmp_path, "tx2")
    board_rig.label_file(root, "VDD_MUX").unlink()
    with pytest.raises(ValueError, match="no 'board' total here.*without VDD_MUX.*ina3221:module"):
        ina3221.open("board", root=str(root))


@contextmanager
def replaced(path, text):
    """A file with other contents; None takes it away, a folder stands for what cannot be read."""
    kept = path.read_text()
    path.unlink()
    if text == "folder":
        path.mkdir()
    elif text is not None:
        path.write_text(text)
    yield
    if path.is_dir():
        path.rmdir()
    board_rig.put(path, kept)


def faults(path):
    """Everything that may befall a file of the kernel's."""
    yield from (replaced(path, text) for text in (None, "", "garbage\n", "\xb5\n", "folder"))
    codes = (errno.EAGAIN, errno.EIO, errno.ENODATA)
    yield from (board_rig.failing(path, code) for code in codes)
    yield board_rig.forbidden(path)


@pytest.mark.parametrize("board", sorted(set(board_rig.BOARDS) - {"tx2i", "tx2_4gb"}))
def test_no_fault_of_any_file_is_a_traceback_or_a_wrong_total(board, tmp_path):
    root = board_rig.build(tmp_path, board)
    files = sorted(path for path in root.glob("devices/i2c/**/*") if path.is_file())
    files += sorted(root.glob("firmware/devicetree/base/*"))
    for path in files:
        for number, fault in enumerate(faults(path)):
            with fault:
                found = outcome(root)
            assert is_right(board, found), (path.name, number, found)
    assert outcome(root) == (
        board_rig.TOTALS[board][0],
        pytest.approx(board_rig.TOTALS[board][1], abs=0.011),
    )
