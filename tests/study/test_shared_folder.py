"""What a folder must offer to the processes that share a study in it."""

import errno
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from helpers_cli import noisylab

from noisylab.study import shared_folder
from noisylab.study.locks import file_lock


def together(folder: Path, patience: float = 20) -> list[str]:
    """What two members of one check find."""
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda name: shared_folder._take_part(folder / "check", name, 2, patience), ["a", "b"])
        return [problem for problems in found for problem in problems]


def test_a_folder_of_this_machine_is_fit_and_is_left_as_it_was(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = noisylab(capsys, "doctor", tmp_path)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out == f"{tmp_path}: locks, renames and fsync work, tried by two processes of this host\n"
    assert together(tmp_path) == []
    assert not [*tmp_path.iterdir()]
    assert noisylab(capsys, "doctor", tmp_path / "none").refuses("there is no folder")


class NoLock:
    """A lock that anyone gets at any time."""

    def __init__(self, *_: Any) -> None:
        pass

    def acquire(self, **_: Any) -> None:
        pass

    def release(self) -> None:
        pass


def test_locks_that_do_not_hold_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shared_folder, "file_lock", NoLock)
    # Each waits for the other before it leaves: without this, they could take turns by chance.
    both_inside = Barrier(2, timeout=20)
    monkeypatch.setattr(shared_folder, "_flush", lambda _: both_inside.wait())
    problems = together(tmp_path)
    assert problems
    assert all("locks do not hold" in problem or "steps were lost" in problem for problem in problems)


def test_a_replaced_file_that_is_still_read_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write, written = shared_folder.write_atomically, []

    def late(path: Path, content: str) -> None:
        written.append(content)
        # As if one process did not see what another wrote.
        write(path, written[-2] if len(written) == 5 else content)

    monkeypatch.setattr(shared_folder, "write_atomically", late)
    assert together(tmp_path) == ["1 of 80 steps were lost: one process read what another had replaced"] * 2


def test_a_folder_that_others_do_not_see_is_found(tmp_path: Path) -> None:
    (problem,) = shared_folder._take_part(tmp_path / "check", "a", 2, 0.2)
    assert f"sees 1 of 2 processes in {str(tmp_path)!r}: the others did not start, or see another folder" in problem


def test_a_mount_whose_locks_are_local_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = f"none / ext4 rw 0 0\nserver:/runs {tmp_path} nfs4 rw,vers=4.2,local_lock=flock 0 0\n"
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, **how: lines if str(path) == "/proc/mounts" else read(path, **how))
    assert shared_folder._local_locks(tmp_path / "study") == ["local_lock=flock"]
    assert shared_folder._local_locks(tmp_path.parent) == []


@contextmanager
def without_locks(monkeypatch: pytest.MonkeyPatch) -> Any:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    with monkeypatch.context() as patched:
        patched.setattr("fcntl.flock", refuse)
        yield


def test_without_locks_nothing_makes_do_with_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with without_locks(monkeypatch):
        with pytest.raises(OSError, match="Function not implemented"):
            file_lock(tmp_path / "lock").acquire()
        assert any("cannot lock, rename or flush files" in problem for problem in together(tmp_path, patience=2))
        out = tmp_path / "out"
        grid = ("--methods", "ce", "--noise", "symmetric:0.4", "--seeds", "1", "--epochs", "1", "--out", out)
        assert noisylab(capsys, "sweep", *grid).refuses(".study.lock' cannot be locked: Function not implemented")
