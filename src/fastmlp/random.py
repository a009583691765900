"""Random numbers: arrays; within `call` of a layer, symbolic tensors that are drawn anew at each step.

Arrays come from NumPy's generators: with a seed the same at each call, without one from the global
seed (`fastmlp.utils.set_random_seed`). Tensors come from the plan's counter-based numbers: they depend on
the seed of `fit`, the step and the element, not on the number of threads. A shape whose first entry is
`None`, as `ops.shape(x)` has it, gives a tensor with numbers for each sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastmlp import config, graph, ops
from fastmlp._seed import SeedGenerator, next_seed
from fastmlp.errors import bad_argument, check_int, check_number
from fastmlp.graph import Tensor
from fastmlp.initializers.random import truncated_normal as _truncated

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

_Shape = Sequence[int | None]


def normal(
    shape: _Shape, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Normally distributed numbers: x ~ N(mean, stddev²).

    Args:
        shape: Of the result; in `call` its first entry may be `None`, the batch.
        mean: Mean.
        stddev: Standard deviation.
        dtype: `'float32'` or `'float64'`; `None`: `config.floatx()`.
        seed: Integer or `SeedGenerator`; `None`: the global seed, or that of `fit`.

    Returns:
        An array, or a symbolic tensor.

    Raises:
        ValueError: An argument is not as described.

    Example: what a variational autoencoder draws.

    >>> from fastmlp import Input, Model, layers
    >>> class Sample(layers.Layer):
    ...     def call(self, inputs):
    ...         mean, log_variance = inputs
    ...         noise = normal(ops.shape(mean))
    ...         return mean + ops.exp(0.5 * log_variance) * noise
    >>> x = Input((4,))
    >>> z = Sample()([layers.Dense(2)(x), layers.Dense(2)(x)])
    >>> Model(x, z).predict(np.ones((3, 4)), verbose=0).shape
    (3, 2)

    Source: Box & Muller, "A note on the generation of random normal deviates", 1958.
    """
    if _is_symbolic(shape):
        return mean + stddev * _tensor(shape, dtype, seed)
    return _array(lambda g: g.normal(mean, stddev, _sizes("normal", shape)), dtype, seed)


def truncated_normal(
    shape: _Shape, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Normally distributed numbers within two standard deviations of the mean.

    Shape, type, seed, result and errors: see `normal`.

    Source: Keras 3's function of that name.
    """
    if _is_symbolic(shape):
        within = math.erf(math.sqrt(2)) * _spread(shape, dtype, seed)
        return mean + stddev * math.sqrt(2) * ops.erfinv(within)
    sizes = _sizes("truncated_normal", shape)
    return _array(lambda g: mean + stddev * _truncated(g, sizes), dtype, seed)


def uniform(
    shape: _Shape, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Uniformly distributed numbers: minval <= x < maxval, before rounding to `dtype`.

    Shape, type, seed, result and errors: see `normal`; an integer `dtype` is that of `randint`.

    Args:
        minval: Lower bound.
        maxval: Upper bound.

    Source: Keras 3's function of that name.
    """
    if _is_symbolic(shape):
        return minval + (maxval - minval) * (0.5 + 0.5 * _spread(shape, dtype, seed))
    if dtype is not None and np.dtype(dtype).kind in "iu":
        return randint(shape, minval, maxval, dtype, seed)
    return _array(lambda g: g.uniform(minval, maxval, _sizes("uniform", shape)), dtype, seed)


def randint(shape: _Shape, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Any:
    """Uniformly distributed integers, minval <= x < maxval; in `call` whole numbers of the layer's type.

    Shape, type, seed, result and errors: see `normal`.

    Args:
        minval: Lower bound.
        maxval: Upper bound.

    Source: Keras 3's function of that name.
    """
    dtype = dtype or "int32"
    if np.dtype(dtype).kind not in "iu":
        raise bad_argument("randint", "an integer type", "dtype", dtype)
    if _is_symbolic(shape):
        return ops.floor(uniform(shape, int(minval), int(maxval), None, seed))
    sizes = _sizes("randint", shape)
    return _generator(seed).integers(int(minval), int(maxval), sizes).astype(dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Classes drawn with the probabilities softmax(logits).

    Args:
        logits: `(batch, classes)`: an array or tensor.
        num_samples: How many are drawn for each row.
        dtype: Type of an array's classes.
        seed: As for `normal`.

    Returns:
        Classes from 0 on, `(batch, num_samples)`.

    Raises:
        ValueError: `logits` has other axes, or `num_samples` is below 1.

    Source: Gumbel, "Statistical theory of extreme values and some practical applications", 1954: the
    largest of logits + Gumbel noise.
    """
    num_samples = check_int("categorical", "num_samples", num_samples, 1)
    if len(ops.shape(logits)) != 2:
        raise bad_argument("categorical", "shape (batch, classes)", "logits", ops.shape(logits))
    batch, classes = ops.shape(logits)
    tensor = isinstance(logits, Tensor)
    shape = (None if tensor else batch, num_samples, classes)
    draws = uniform(shape, 1e-37, 1.0, logits.dtype if tensor else "float64", seed)
    noise = -ops.log(-ops.log(draws))
    drawn = ops.argmax(ops.expand_dims(logits, 1) + noise, axis=-1)
    return drawn if tensor else np.asarray(drawn).astype(dtype)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Zeroes elements at random and scales the others by 1 / (1 - rate), in training and outside.

    Args:
        inputs: An array or tensor.
        rate: Share of the elements that become 0, from 0 to 1.
        noise_shape: Along axes of size 1 all elements share one decision, along others, or `None`, each
            has its own; `None`: all have.
        seed: As for `normal`.

    Returns:
        An array or tensor of the shape of `inputs`.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    """
    rate = check_number("dropout", "rate", rate, 0, 1, hint="20 % is 0.2")
    if isinstance(inputs, Tensor):
        shared = None if noise_shape is None else (None, *tuple(noise_shape)[1:])
        with graph.training_scope(True):
            return ops.dropout(inputs, rate, _stream(seed), shared)
    x = np.asarray(inputs)
    given = x.shape if noise_shape is None else noise_shape
    sizes = [own if d is None else int(d) for d, own in zip(given, x.shape, strict=True)]
    kept = _generator(seed).random(sizes) >= rate
    return (x * kept / (1 - rate) if rate < 1 else x * 0).astype(x.dtype)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """An array with its slices along an axis in another order; within `call`, in a new one at each step.

    Args:
        x: The array; within `call` a tensor, too, as one whose samples change places.
        axis: The axis.
        seed: As for `normal`.

    Source: Fisher & Yates, "Statistical tables", 1938.
    """
    if isinstance(x, Tensor) or graph.is_tracing():
        x = ops.swapaxes(ops.convert_to_tensor(x), 0, axis) if axis else ops.convert_to_tensor(x)
        order = ops.argsort(ops.random_normal((x.shape[0],), config.floatx(), _stream(seed)))
        y = ops.take(x, order, 0)
        return ops.swapaxes(y, 0, axis) if axis else y
    return _generator(seed).permutation(_of_arrays("shuffle", x), axis=axis)


def binomial(
    shape: _Shape, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Any:
    """How many trials succeed: arrays alone. Shape, type and seed: see `normal`.

    Args:
        counts: Number of trials; broadcast to the shape.
        probabilities: Of success; broadcast to the shape.

    Source: NumPy's `Generator.binomial`.
    """
    sizes = _sizes("binomial", shape)
    n, p = np.asarray(counts).astype(int), _of_arrays("binomial", probabilities)
    return _array(lambda g: g.binomial(n, p, sizes), dtype, seed)


def beta(shape: _Shape, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers of the beta distribution: arrays alone. Shape, type and seed: see `normal`.

    Args:
        alpha: First parameter, > 0; broadcast to the shape.
        beta: Second parameter, > 0; broadcast to the shape.

    Source: NumPy's `Generator.beta`.
    """
    sizes, a, b = _sizes("beta", shape), _of_arrays("beta", alpha), _of_arrays("beta", beta)
    return _array(lambda g: g.beta(a, b, sizes), dtype, seed)


def gamma(shape: _Shape, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers of the gamma distribution of scale 1: arrays alone. Shape, type and seed: see `normal`.

    Args:
        alpha: Shape parameter, > 0; broadcast to the shape.

    Source: NumPy's `Generator.gamma`.
    """
    sizes, a = _sizes("gamma", shape), _of_arrays("gamma", alpha)
    return _array(lambda g: g.gamma(a, 1.0, sizes), dtype, seed)


def _is_symbolic(shape: _Shape) -> bool:
    """Whether the numbers are to be drawn by a plan: of samples, or within `call`."""
    return None in tuple(shape) or graph.is_tracing()


def _tensor(shape: _Shape, dtype: Any, seed: Any) -> Tensor:
    """Standard normal numbers."""
    return ops.random_normal(tuple(shape), np.dtype(dtype or config.floatx()).name, _stream(seed))


def _spread(shape: _Shape, dtype: Any, seed: Any) -> Tensor:
    """Numbers uniform in [-1, 1): normal ones, through their distribution function."""
    y: Tensor = ops.minimum(ops.erf(_tensor(shape, dtype, seed) / math.sqrt(2)), 1 - 2.0**-23)
    return y


def _array(draw: Callable[[np.random.Generator], Any], dtype: Any, seed: Any) -> np.ndarray:
    return np.asarray(draw(_generator(seed))).astype(dtype or config.floatx())


def _generator(seed: Any) -> np.random.Generator:
    if isinstance(seed, SeedGenerator):
        seed = seed.next()
    elif seed is not None:
        seed = check_int("random", "seed", seed, 0)
    return np.random.default_rng(next_seed() if seed is None else seed)


def _stream(seed: Any) -> int | None:
    """The stream of a tensor's numbers."""
    if isinstance(seed, SeedGenerator):
        return seed.next() % 2**31
    return None if seed is None else check_int("random", "seed", seed, 0) % 2**31


def _sizes(name: str, shape: _Shape) -> tuple[int, ...]:
    sizes = tuple(shape)
    if any(not isinstance(n, (int, np.integer)) or n < 0 for n in sizes):
        hint = "in call of a layer, normal, uniform and categorical draw for each sample"
        raise bad_argument(name, "a shape of integers", "shape", sizes, hint)
    return tuple(int(n) for n in sizes if n is not None)


def _of_arrays(name: str, value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        raise TypeError(
            f"{name}: expected an array. Received: {value!r}. "
            "Hint: in call of a layer, normal, uniform, randint, categorical and dropout draw"
        )
    return np.asarray(value)
