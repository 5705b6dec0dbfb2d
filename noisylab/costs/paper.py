"""Table 1 of the DLB paper as it is printed there, to stand beside what is measured. Free of torch."""

from typing import NamedTuple


class PaperEntry(NamedTuple):
    """One row of Table 1; `forward`, `backward` and `networks` are per batch, `update` is how often targets change."""

    smoothing: str
    no_teacher: str
    no_change: str
    forward: str
    backward: str
    networks: str
    update: str


# By method name: sample-level smoothing, no pre-trained teacher, no architecture change, forward and backward passes per batch,
# networks, label update frequency (Shen et al., CVPR 2022, Table 1).
PAPER = {
    "lsr": PaperEntry("no", "yes", "yes", "1", "1", "1", "-"),
    "tf_kd_self": PaperEntry("yes", "no", "yes", "2", "1", "2", "epoch"),
    "tf_kd_reg": PaperEntry("yes", "yes", "yes", "1", "1", "1", "-"),
    "cs_kd": PaperEntry("yes", "yes", "yes", "2", "2", "1", "-"),
    "ps_kd": PaperEntry("yes", "yes", "yes", "2", "1", "2", "epoch"),
    "mr_kd": PaperEntry("yes", "yes", "yes", ">=2", "1", "1", "epoch"),
    "ddgsd": PaperEntry("yes", "yes", "yes", "2", "2", "1", "-"),
    "byot": PaperEntry("yes", "yes", "no", "1", ">=2", "1", "-"),
    "dlb": PaperEntry("yes", "yes", "yes", "1", "1", "1", "batch"),
}
