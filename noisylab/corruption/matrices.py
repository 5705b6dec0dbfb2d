"""Transition matrices: dense arrays up to `DENSE` classes, and for more the few numbers that say them.

Everything that draws or diagnoses reads a matrix some rows at a time, so it takes both forms, and gives the same bits for both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DENSE = 1000
"""Up to this many classes a matrix is kept as a dense array."""
CELLS = 2**21
"""About as many cells of a matrix are worked on at a time."""


@dataclass(frozen=True, eq=False)
class Compact:
    """A row-stochastic matrix T [C, C] in few numbers. Off the diagonal T = entries + left @ right.

    Products and choices of rows of such matrices have this form too.

    Attributes:
        diagonal: float64[C], T_ii.
        entries: SciPy's sparse float64[C, C].
        left: Sparse float64[C, K].
        right: Sparse float64[K, C].
    """

    diagonal: NDArray[np.float64]
    entries: Any
    left: Any
    right: Any

    def __post_init__(self) -> None:
        classes = len(self.diagonal)
        shapes = self.entries.shape, self.left.shape, self.right.shape
        if shapes != ((classes, classes), (classes, len(self.right.indptr) - 1), (len(self.right.indptr) - 1, classes)):
            raise ValueError(f"transition must be {classes} x {classes}, got parts of the shapes {shapes}")
        total = self.entries.sum(axis=1) + self.left @ self.right.sum(axis=1) - self._covered() + self.diagonal
        if not np.abs(total - 1).max(initial=0) <= 1e-6:
            raise ValueError(f"transition rows must sum to 1, got {total[np.abs(total - 1).argmax()]:.6g}")
        for array in self.arrays().values():
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.diagonal)

    def __matmul__(self, other: "Compact") -> "Compact":
        """The matrix of this noise and then `other`."""
        from scipy import sparse

        first, second = self._whole(), other._whole()
        entries = first @ second
        left = sparse.hstack([first @ other.left, self.left], format="csr")
        crossed = self.right @ second + (self.right @ other.left) @ other.right
        right = sparse.vstack([other.right, crossed], format="csr")
        diagonal = entries.diagonal() + _diagonal(left, right)
        return Compact(diagonal, sparse.csr_array(entries), sparse.csr_array(left), sparse.csr_array(right))

    def rows(self, start: int, stop: int) -> NDArray[np.float64]:
        """float64[stop - start, C], a new array."""
        cells: NDArray[np.float64] = self.entries[start:stop].toarray()
        if self.right.nnz:
            # Full rows are multiplied faster as dense ones.
            full = 4 * self.right.nnz > self.right.shape[0] * self.right.shape[1]
            added = self.left[start:stop] @ (self.right.toarray() if full else self.right)
            cells += added if full else added.toarray()
        cells[np.arange(stop - start), np.arange(start, stop)] = self.diagonal[start:stop]
        return cells

    def only(self, affected: NDArray[np.bool_]) -> "Compact":
        """The matrix whose other rows are those of clean labels."""
        from scipy import sparse

        kept = sparse.diags_array(affected.astype(np.float64), format="csr")
        return Compact(np.where(affected, self.diagonal, 1.0), kept @ self.entries, kept @ self.left, self.right)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The numbers, for a file."""
        parts = {"entries": self.entries, "left": self.left, "right": self.right}
        fields = ("data", "indices", "indptr")
        held = {f"{name}_{field}": getattr(part, field) for name, part in parts.items() for field in fields}
        return {"diagonal": self.diagonal, **held}

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> "Compact":
        """From `arrays()`. Raises ValueError or KeyError for others."""
        from scipy import sparse

        classes, inner = len(arrays["diagonal"]), len(arrays["right_indptr"]) - 1
        shapes = {"entries": (classes, classes), "left": (classes, inner), "right": (inner, classes)}
        fields = ("data", "indices", "indptr")
        parts = {name: [arrays[f"{name}_{field}"] for field in fields] for name in shapes}
        return cls(arrays["diagonal"], **{name: sparse.csr_array(tuple(parts[name]), shape=shapes[name]) for name in shapes})

    def _covered(self) -> NDArray[np.float64]:
        """What the parts say about the diagonal, where `diagonal` holds."""
        return np.asarray(self.entries.diagonal() + _diagonal(self.left, self.right))

    def _whole(self) -> Any:
        """The sparse matrix to which left @ right is added."""
        from scipy import sparse

        return self.entries + sparse.diags_array(self.diagonal - self._covered(), format="csr")


Matrix = NDArray[np.float64] | Compact


def regular(
    stays: NDArray[np.float64],
    *,
    share: ArrayLike = 0.0,
    group: NDArray[np.int64] | None = None,
    sent: tuple[ArrayLike, ArrayLike, ArrayLike] = ((), (), ()),
) -> Matrix:
    """The matrix of a noise that treats classes alike; dense up to DENSE classes.

    stays: float64[C], the diagonal. share: float64[C], what each other class of the class's group gets. group: int64[C] from 0;
    by default, all classes are in one. sent: (true, given, probability), int64[M], int64[M] and float64[M], no pair twice: what
    these classes get beyond `share`.
    """
    classes = len(stays)
    share = np.broadcast_to(np.asarray(share, dtype=np.float64), (classes,))
    group = np.zeros(classes, dtype=np.int64) if group is None else group
    true, given = (np.asarray(part, dtype=np.int64) for part in sent[:2])
    probability = np.broadcast_to(np.asarray(sent[2], dtype=np.float64), true.shape)
    if classes <= DENSE:
        cells = np.where(group[:, None] == group[None, :], share[:, None], 0.0)
        cells[true, given] += probability
        np.fill_diagonal(cells, stays)
        return cells
    from scipy import sparse

    entries = sparse.csr_array((probability, (true, given)), shape=(classes, classes))
    # Without shares there are no groups.
    groups, everyone = (int(group.max()) + 1, np.arange(classes)) if share.any() else (0, np.arange(0))
    left = sparse.csr_array((share[everyone], (everyone, group[everyone])), shape=(classes, groups))
    right = sparse.csr_array((np.ones(len(everyone)), (group[everyone], everyone)), shape=(groups, classes))
    return Compact(np.array(stays, dtype=np.float64), entries, left, right)


def empirical_matrix(true: NDArray[np.int64], given: NDArray[np.int64], classes: int) -> Matrix:
    """The shares of given labels in each true class; 1 on the diagonal of an absent class. Dense up to DENSE classes."""
    pair, count = np.unique(true * classes + given, return_counts=True)
    row, column = np.divmod(pair, classes)
    sizes = np.bincount(true, minlength=classes)
    value, own = count / sizes[row], row == column
    stays = np.where(sizes > 0, 0.0, 1.0)
    stays[row[own]] = value[own]
    return regular(stays, sent=(row[~own], column[~own], value[~own]))


def dense(matrix: Matrix) -> NDArray[np.float64]:
    """float64[C, C]."""
    if not isinstance(matrix, Compact):
        return matrix
    cells = np.empty((len(matrix), len(matrix)))
    for start, stop in row_chunks(len(matrix)):
        cells[start:stop] = matrix.rows(start, stop)
    return cells


def rows_of(matrix: Matrix, start: int, stop: int) -> NDArray[np.float64]:
    """Some rows float64[stop - start, C], as a new array."""
    return matrix.rows(start, stop) if isinstance(matrix, Compact) else matrix[start:stop].copy()


def diagonal_of(matrix: Matrix) -> NDArray[np.float64]:
    """float64[C]."""
    return matrix.diagonal if isinstance(matrix, Compact) else np.diagonal(matrix)


def row_chunks(classes: int) -> Iterator[tuple[int, int]]:
    """The bounds of rows that together have about CELLS cells."""
    step = max(CELLS // classes, 1)
    return ((start, min(start + step, classes)) for start in range(0, classes, step))


def product(first: Matrix, second: Matrix) -> Matrix:
    """The matrix of one noise after another."""
    if isinstance(first, Compact) and isinstance(second, Compact):
        return first @ second
    return np.asarray(dense(first) @ dense(second))


def only_rows(matrix: Matrix, affected: NDArray[np.bool_]) -> Matrix:
    """The matrix in which the classes that are not `affected`, bool[C], keep their labels."""
    if isinstance(matrix, Compact):
        return matrix.only(affected)
    return np.where(affected[:, None], matrix, np.eye(len(matrix)))


def as_fields(matrix: Matrix | None) -> dict[str, Any]:
    """The fields of a record that hold it."""
    is_compact = isinstance(matrix, Compact)
    return {"transition": None if is_compact else matrix, "compact": matrix if is_compact else None}


def _diagonal(left: Any, right: Any) -> NDArray[np.float64]:
    """That of left @ right."""
    return np.asarray(left.multiply(right.T).sum(axis=1))
