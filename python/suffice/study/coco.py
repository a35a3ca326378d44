"""Run-length masks as COCO writes them: lengths down the columns, as text of six bits each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError


def encode(mask: npt.NDArray[np.bool_]) -> str:
    """The ``counts`` of a mask.

    Pixels are taken column by column; the lengths of runs alternate, unset pixels first. From the
    third on each is written as its difference to the one two before, in groups of five bits, the
    lowest first, with a sixth that says that more follow, each plus 48 as one ASCII letter.

    Parameters
    ----------
    mask : bool [H, W]

    Returns
    -------
    str

    Examples
    --------
    >>> encode(np.array([[0, 1], [1, 1]], bool))
    '13'
    """
    counts = runs(mask)
    letters = []
    for k, count in enumerate(counts):
        value = count - counts[k - 2] if k > 2 else count
        while True:
            bits = value & 31
            value >>= 5
            over = value == (-1 if bits & 16 else 0)
            letters.append(chr((bits if over else bits | 32) + 48))
            if over:
                break
    return "".join(letters)


def runs(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Lengths of runs down the columns, unset pixels first (0 where the first is set)."""
    flat = np.asarray(mask, np.bool_).ravel(order="F")
    if not len(flat):
        return []
    ends = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], ends, [len(flat)]]))
    return [0] * bool(flat[0]) + [int(n) for n in lengths]


def decode(counts: str, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The mask of ``counts``.

    Parameters
    ----------
    counts : str
    size : (int, int)
        Height and width.

    Returns
    -------
    bool [H, W]

    Raises
    ------
    InputError
        If the lengths are not those of such a mask.
    """
    lengths: list[int] = []
    value = shift = 0
    for letter in counts:
        bits = ord(letter) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        if len(lengths) > 2:
            value += lengths[-2]
        lengths.append(value)
        value = shift = 0
    if shift or min(lengths, default=0) < 0 or sum(lengths) != size[0] * size[1]:
        raise InputError(f"these run lengths are no mask of {size[0]} x {size[1]} pixels")
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return flat.reshape(size, order="F")


def box(mask: npt.NDArray[np.bool_]) -> list[int]:
    """The smallest box around a mask: left, top, width, height; all 0 around an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return [0, 0, 0, 0]
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]
