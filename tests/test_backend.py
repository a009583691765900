"""Names at the top of fastmlp, and fastmlp.backend, as in Keras."""

from __future__ import annotations

import pytest

import fastmlp
from fastmlp import backend, layers


def test_base_classes_are_at_hand():
    assert fastmlp.Layer is layers.Layer
    assert fastmlp.Loss is fastmlp.losses.Loss
    assert fastmlp.Metric is fastmlp.metrics.Metric
    assert fastmlp.Optimizer is fastmlp.optimizers.Optimizer
    assert fastmlp.Initializer is fastmlp.initializers.Initializer
    assert fastmlp.Regularizer is fastmlp.regularizers.Regularizer
    assert fastmlp.version() == fastmlp.__version__


def test_settings_of_the_backend():
    assert backend.backend() == "fastmlp"
    assert backend.floatx() == "float32"
    before = backend.epsilon()
    try:
        backend.set_epsilon(1e-4)
        assert fastmlp.config.epsilon() == 1e-4
        assert fastmlp.optimizers.Adam(epsilon=None).epsilon == 1e-4
    finally:
        backend.set_epsilon(before)
    for wrong in (0, -1, "1", True):
        with pytest.raises(ValueError, match="number above 0"):
            backend.set_epsilon(wrong)


def test_clear_session_starts_the_counters_again():
    backend.clear_session()
    assert layers.Dense(1).name == "dense"
