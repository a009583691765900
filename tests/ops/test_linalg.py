"""Linear algebra: what it says of matrices that do not fit, and decompositions that give back the matrix."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import ops

A = np.random.default_rng(3).normal(size=(2, 4, 4))


def test_decompositions_give_back_the_matrix():
    values, vectors = ops.eig(A)
    np.testing.assert_allclose(A @ vectors, vectors * values[:, None], atol=1e-12)
    u, s, v = ops.svd(A)
    np.testing.assert_allclose(u * s[:, None] @ v, A, atol=1e-12)
    q, r = ops.qr(A)
    np.testing.assert_allclose(q @ r, A, atol=1e-12)


def test_a_model_whose_loss_inverts_matrices_trains():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = (x @ rng.normal(size=(3, 2))).astype("float32")

    def gaussian(y_true, y_pred):
        """-log p of a Gaussian with mean and Cholesky factor predicted."""
        mean, raw = y_pred[:, :2], ops.reshape(y_pred[:, 2:], (-1, 2, 2))
        covariance = ops.matmul(raw, ops.transpose(raw, (0, 2, 1))) + 0.1 * ops.eye(2)
        gap = y_true - mean
        distance = ops.sum(gap * ops.solve(covariance, gap), axis=-1)
        return 0.5 * (distance + ops.logdet(covariance))

    model = fastmlp.Sequential([fastmlp.layers.Dense(6, input_dim=3)])
    model.compile("adam", gaussian)
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    found = fastmlp.check_gradients(model, x[:8], y[:8])
    assert found is not None


def test_errors_say_what_was_expected():
    with pytest.raises(ValueError, match=r"inv: expected square matrices .* Received: "):
        ops.inv(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"solve: expected a \(…, n, n\) and b"):
        ops.solve(np.eye(3), np.ones(2))
    with pytest.raises(ValueError, match="positive definite"):
        ops.cholesky([[0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match="qr: expected mode='reduced' or 'complete'"):
        ops.qr(A, mode="full")
    x = fastmlp.Input((3, 3))
    with pytest.raises(TypeError, match=r"svd: expected arrays\. .*custom_gradient"):
        ops.svd(x)
