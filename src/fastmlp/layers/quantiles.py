"""Quantiles of data that come in parts: a summary of weighted values, merged part by part.

A summary is an array `(2, values)`: values in ascending order, and how many elements each stands for.
"""

from __future__ import annotations

import numpy as np

Summary = np.ndarray


def empty() -> Summary:
    """The summary of no data."""
    return np.zeros((2, 0), "float32")


def summarize(values: np.ndarray, epsilon: float) -> Summary:
    """About `1 / epsilon` of the values, at equal distances in their order."""
    ordered = np.sort(values.astype("float32"), axis=None)
    step = max(ordered.size * epsilon, 1)
    kept = ordered[int(step - 1) :: int(step)]
    return np.stack([kept, np.full_like(kept, step)])


def merge(one: Summary, other: Summary, epsilon: float) -> Summary:
    """The summary of the data of both."""
    both = np.concatenate([one, other], axis=1)
    return _compress(both[:, np.argsort(both[0])], epsilon)


def boundaries(summary: Summary, num_bins: int) -> list[float]:
    """What cuts the data into bins of equally many elements; fewer where there are few values."""
    cut: list[float] = _compress(summary, 1 / num_bins)[0, :-1].tolist()
    return cut


def _compress(summary: Summary, epsilon: float) -> Summary:
    """At most `1 / epsilon` values, by interpolation of the share of elements up to each value."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    counts = summary[1].cumsum()
    share_of = counts / counts[-1]
    values = np.interp(shares, share_of, summary[0])
    weights = np.diff(np.interp(shares, share_of, counts), prepend=0)
    return np.stack([values, weights]).astype("float32")
