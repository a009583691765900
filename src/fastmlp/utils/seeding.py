"""One call that makes a program repeatable."""

from __future__ import annotations

import numpy as np

from fastmlp import _seed
from fastmlp.errors import check_int


def set_random_seed(seed: int) -> None:
    """Seeds Python's `random`, NumPy's global generator and fastmlp.

    Initializers, dropout and shuffling of everything made afterwards repeat; they do not depend on
    the number of threads.

    Args:
        seed: Integer, 0 <= seed < 2**32 (NumPy's range).

    Raises:
        ValueError: If `seed` is anything else; nothing is seeded then.

    Example:

    >>> set_random_seed(7)
    >>> first = np.random.rand()
    >>> set_random_seed(7)
    >>> first == np.random.rand()
    True
    """
    seed = check_int("set_random_seed", "seed", seed, 0, 2**32 - 1)
    import random

    random.seed(seed)
    np.random.seed(seed)
    _seed.set_seed(seed)
