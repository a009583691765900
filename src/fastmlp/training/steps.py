"""How many samples a step and how many steps an epoch take: what the user may say about it."""

from __future__ import annotations

import math
from typing import Any

from fastmlp.errors import bad_argument, check_int, warn_user
from fastmlp.training.stream import RAN_OUT
from fastmlp.training.supply import Supply

BATCH = 32


def check_count(method: str, name: str, value: Any) -> int | None:
    """A number of samples or steps, or `None`: not said."""
    return None if value is None else check_int(method, name, value, 1)


def check_shuffle(shuffle: Any) -> bool:
    """Whether to shuffle: rows within a batch need no order of their own."""
    if isinstance(shuffle, str):
        if shuffle != "batch":
            raise bad_argument("fit", "True, False or 'batch'", "shuffle", shuffle)
        return False
    return bool(shuffle)


def check_alone(method: str, x: Any, **others: Any) -> None:
    """What yields batches yields targets and weights, too."""
    for name, value in others.items():
        if value is not None:
            raise ValueError(
                f"{method}: expected no {name}, because x is a {type(x).__name__}, which yields "
                f"batches. Hint: let it yield (x, y) or (x, y, sample_weight); or collect the "
                "samples first: np.array(list(x))"
            )


def batch_of(n: int, batch_size: int | None, steps: int | None) -> int:
    """Samples a step: as many as it takes to see all in so many steps, if nothing else is said."""
    if batch_size is not None:
        return batch_size
    return BATCH if steps is None else math.ceil(n / steps)


def limited(method: str, n: int, batch_size: int | None, steps: int | None) -> tuple[int, int]:
    """Samples to look at, and samples a step."""
    size = batch_of(n, batch_size, steps)
    if steps is None:
        return n, size
    if (steps - 1) * size >= n:
        warn_user(f"{method}: {RAN_OUT}")
    return min(n, steps * size), size


def warn_short(supply: Supply, epochs: int) -> None:
    """Warns if arrays end before the steps of an epoch do."""
    if supply.stream is None and supply.steps is not None:
        batches = -(-supply.n // supply.batch_size)
        cut = -(-batches // supply.steps)
        if batches % supply.steps and epochs >= cut:
            warn_user(RAN_OUT)
