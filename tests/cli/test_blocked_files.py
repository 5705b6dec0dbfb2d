"""A sweep whose files cannot be written shows its tables, and then names the files in one line each."""

from pathlib import Path

import pytest
from helpers_cli import noisylab

SWEEP = [
    *("sweep", "--methods", "ce", "dlb", "--noise", "symmetric:0.4", "--seeds", "2", "--epochs", "2", "--stack", "1"),
    *("--train-size", "60", "--test-size", "30", "--model", "small_cnn(width=4)", "--jobs", "1"),
]


@pytest.mark.slow
def test_tables_come_before_what_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("results.csv", "summary.csv", "memorisation.png"):
        (tmp_path / name / "in the way").mkdir(parents=True)
    answer = noisylab(capsys, *SWEEP, "--out", tmp_path)
    assert answer.status == 1
    assert not answer.err
    tables, named = answer.out.index("shares in percent"), answer.out.index("results.csv' cannot be written: Is a directory")
    assert tables < named
    assert "summary.csv' cannot be written: Is a directory" in answer.out
    assert "memorisation" in answer.out[named:]
    # Nothing is trained again once they are out of the way.
    for name in ("results.csv", "summary.csv", "memorisation.png"):
        (tmp_path / name / "in the way").rmdir()
        (tmp_path / name).rmdir()
    answer = noisylab(capsys, *SWEEP, "--out", tmp_path)
    assert answer.status == 0
    assert answer.out.startswith("4 runs, 4 already done")


def test_a_failed_run_is_shown_by_the_seeds_that_are_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from noisylab.methods.dlb import DLB
    from noisylab.report import study_report

    show = study_report.show
    # Figures are drawn in the test above.
    monkeypatch.setattr(study_report, "show", lambda *given, **options: show(*given, **options | {"figures": ()}))
    begin = DLB.start_epoch
    failed: list[int] = []

    def fails_once(self: DLB, epoch: int) -> None:
        if not failed:
            failed.append(epoch)
            raise ZeroDivisionError("once")
        begin(self, epoch)

    monkeypatch.setattr(DLB, "start_epoch", fails_once)
    for _ in range(2):
        answer = noisylab(capsys, *SWEEP, "--out", tmp_path)
        assert answer.status == 1
        assert "Fewer seeds than planned:\ndlb under symmetric:0.4: 1 of 2 seeds" in answer.out
        assert "ZeroDivisionError: once" in answer.out
    answer = noisylab(capsys, *SWEEP, "--out", tmp_path, "--retry-failed")
    assert answer.status == 0
    assert "Fewer seeds" not in answer.out
