"""What fastmlp has and Keras has not, by module: the one list of all tests that compare the two.

`tests/parity/test_completeness.py` holds it against the installed Keras.
"""

from __future__ import annotations

NOT_IN_KERAS: dict[str, set[str]] = {
    "activations": {"step"},
    "initializers": {"ArrayInitializer", "RandomInitializer"},
    "layers": set(),
    "losses": set(),
    "metrics": set(),
    "optimizers": {"LBFGS", "LevenbergMarquardt"},
    "optimizers.schedules": set(),
    "ops": {
        "GRADIENTS", "OPS", "OpSpec", "activation", "activity_penalty", "affine", "dense", "dropout", "moving_average",
        "penalty", "pow", "random_normal", "repeat_samples", "sum_samples", "track",
    },
}  # fmt: skip
