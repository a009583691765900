"""What `call` is told of training."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from fastmlp import graph

T = TypeVar("T")


def may_be_told(call: Callable[..., T]) -> Callable[..., T]:
    """Decorates a `call` whose ops know what training is: subclasses may tell it, too.

    Example:

    >>> from fastmlp import layers
    >>> class AlwaysDropout(layers.Dropout):
    ...     def call(self, inputs):
    ...         return super().call(inputs, training=True)
    >>> AlwaysDropout(1.0)([[1.0, 2.0]])
    array([[0., 0.]], dtype=float32)
    """
    names = call.__code__.co_varnames[1 : call.__code__.co_argcount]
    # Where Keras has it: last, but before the mask of (inputs, training, mask).
    place = 1 if names[1:] == ("mask",) else len(names)

    @functools.wraps(call)
    def told(self: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> T:
        if len(args) > place and training is None:
            args, training = args[:place] + args[place + 1 :], args[place]
        if training is None:
            return call(self, *args, **kwargs)
        with graph.training_scope(bool(training)):
            return call(self, *args, **kwargs)

    return told
