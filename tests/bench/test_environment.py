"""What a record says of the code that made it: its commit, and whether its files were changed."""

import subprocess

import pytest

from edgejoule.bench import environment


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A git clone with one committed file, in place of our own."""
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "code.py").write_text("a = 1\n")
    for words in (["init", "-q"], ["add", "-A"], who + ["commit", "-qm", "first"]):
        subprocess.check_call(["git", "-C", str(tmp_path)] + words)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    return tmp_path


def test_a_suite_saved_into_the_clone_does_not_taint_it(clone):
    """README's own example, followed as it stands, marked every night after it."""
    assert environment.git()["dirty"] is False and environment.git()["untracked"] == 0
    (clone / "my.toml").write_text("model = 'resnet20'\n")
    (clone / "small").mkdir()
    (clone / "small" / "plan.json").write_text("{}")
    found = environment.git()
    assert found["dirty"] is False and found["untracked"] == 2


@pytest.mark.parametrize("staged", [False, True])
def test_a_change_of_a_tracked_file_taints(clone, staged):
    (clone / "code.py").write_text("a = 2\n")
    if staged:
        subprocess.check_call(["git", "-C", str(clone), "add", "-A"])
    assert environment.git()["dirty"] is True and environment.git()["untracked"] == 0


def test_without_a_clone_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    assert environment.git() == {"commit": None, "dirty": None, "untracked": None}
