"""A network that obeys a law of physics: a damped oscillator, learned from its equation alone.

    u″ + 2 d u′ + w² u = 0,    u(0) = 1,    u′(0) = 0

No solution is shown to the network. At each time t its loss is the square of what is left of the
equation, in which u′ and u″ are the exact derivatives of the network: each layer carries a function of
time and its first two derivatives, by the chain rule, written in `fastmlp.ops`. Training differentiates
that once more, natively.

Run it: `python examples/physics_informed.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import fastmlp
from fastmlp import Input, Model, ops
from fastmlp.layers import Layer

DAMPING, FREQUENCY = 1.0, 5.0


class Jet(Layer):
    """tanh(x · kernel + bias) of a function x of time, with its first and second derivative.

    y = tanh(z)    y′ = (1 - y²) z′    y″ = (1 - y²) (z″ - 2 y z′²)
    """

    def __init__(self, units: int, linear: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.linear = units, linear

    def build(self, input_shape: Any) -> None:
        features = input_shape[0][-1]
        self.kernel = self.add_weight((features, self.units), "glorot_uniform", name="kernel")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, jet: Any) -> Any:
        z, dz, ddz = (ops.matmul(part, self.kernel) for part in jet)
        z = z + self.bias
        if self.linear:
            return z, dz, ddz
        y = ops.tanh(z)
        slope = 1.0 - ops.square(y)
        return y, slope * dz, slope * (ddz - 2.0 * y * ops.square(dz))


def network(units: int = 32, layers: int = 2) -> tuple[Model, Model]:
    """Models of what is left of the equation, and of u, with the same weights."""
    t = Input((1,))
    jet = (t, ops.ones_like(t), ops.zeros_like(t))
    for _ in range(layers):
        jet = Jet(units)(jet)
    n, dn, ddn = Jet(1, linear=True)(jet)
    # u = 1 + t² n has u(0) = 1 and u′(0) = 0 whatever n is.
    u = 1.0 + ops.square(t) * n
    du = 2.0 * t * n + ops.square(t) * dn
    ddu = 2.0 * n + 4.0 * t * dn + ops.square(t) * ddn
    left = ddu + 2.0 * DAMPING * du + FREQUENCY**2 * u
    return Model(t, left), Model(t, u)


def exact(t: np.ndarray) -> np.ndarray:
    """The solution that the network does not see."""
    w = np.sqrt(FREQUENCY**2 - DAMPING**2)
    swing: np.ndarray = np.cos(w * t) + DAMPING / w * np.sin(w * t)
    return swing * np.exp(-DAMPING * t)


def main(epochs: int = 15_000) -> float:
    """Trains, prints and returns the largest error of u."""
    fastmlp.utils.set_random_seed(1)
    left, u = network()
    t = np.linspace(0, 2, 64, dtype="float32")[:, None]
    rate = fastmlp.optimizers.schedules.CosineDecay(1e-2, epochs)
    left.compile(
        fastmlp.optimizers.Adam(rate),
        loss=lambda zero, left: ops.mean(ops.square(left - zero), axis=-1),
    )
    history = left.fit(t, np.zeros_like(t), batch_size=64, epochs=epochs, verbose=0)
    error = float(np.abs(u.predict(t, verbose=0) - exact(t)).max())
    print(f"What is left of the equation, squared: {history.history['loss'][-1]:.2e}")
    print(f"Largest error of u(t) for t from 0 to 2: {error:.4f}")
    return error


if __name__ == "__main__":
    main()
