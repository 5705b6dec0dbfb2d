"""Files appear whole or not at all."""

import os
from pathlib import Path

import pytest

from noisylab.core.files import flush_folder, write_atomically


@pytest.mark.parametrize("content", [b"\x00\xff", "naïve ± text\n", b"", ""])
def test_what_is_written_is_what_is_read(tmp_path: Path, content: bytes | str) -> None:
    write_atomically(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "a longer text than the next")
    write_atomically(tmp_path / "file", "next")
    assert (tmp_path / "file").read_text() == "next"


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [None, "old"])
def test_a_failed_flush_leaves_the_target_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, error: BaseException
) -> None:
    def fail(descriptor: int) -> None:
        raise error

    if before is not None:
        (tmp_path / "file").write_text(before)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write_atomically(tmp_path / "file", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == ({} if before is None else {"file": before})


def test_a_failed_rename_leaves_the_target_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise PermissionError("read-only file system")

    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(PermissionError):
        write_atomically(tmp_path / "file", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "old"}


def test_the_content_is_on_disk_before_the_name_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, seen, flush = tmp_path / "file", [], os.fsync

    def watch(descriptor: int) -> None:
        seen.append(target.exists())
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    write_atomically(target, "new")
    assert seen == [False]


def test_a_missing_folder_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "file", "new")


def test_flushing_a_folder_reaches_the_files_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("x", "a/y", "a/b/z"):
        (tmp_path / name).write_text(name)
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    flush_folder(tmp_path)
    assert sorted(flushed) == sorted((tmp_path / name).stat().st_ino for name in ("x", "a/y", "a/b/z"))
