"""Masks: which steps of a sequence count, and how they get from layer to layer.

A mask is a tensor of zeros and ones, `(batch, steps)`, and an attribute of the tensor that it belongs
to. Layers that take an argument `mask` get that of their inputs; layers that support masking give
their outputs one. So a mask is computed in the plan, where something uses it, like all else.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastmlp import _tree, calls
from fastmlp.graph import Node, Tensor

if TYPE_CHECKING:
    from fastmlp.layers.base import Layer


def of(structure: Any) -> Any:
    """The masks of a structure of tensors, in its form; `None` for a tensor without."""
    return _tree.apply(lambda leaf: getattr(leaf, "mask", None), structure)


def with_mask(
    args: Sequence[Any], kwargs: Mapping[str, Any], takes: Sequence[str]
) -> dict[str, Any]:
    """The keyword arguments of a call, with the masks of its inputs where `call` takes them.

    As in Keras: `call(x, mask=None)` gets the mask of `x`, or a list of masks of a list. If several
    arguments hold tensors, `mask` must be given; `call(query, value, value_mask=None)` gets that of
    `value`.

    Args:
        args: Positional arguments of the call.
        kwargs: Its keyword arguments.
        takes: Names of the arguments of `call`.
    """
    found = dict(kwargs)
    given = {**dict(zip(takes, args, strict=False)), **found}
    inputs = {name: value for name, value in given.items() if calls.tensors(value)}
    for name, value in inputs.items():
        name = "mask" if len(inputs) == 1 else f"{name}_mask"
        if name in takes and given.get(name) is None:
            found[name] = of(value)
    return found


def hand_on(layer: Layer, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Any) -> Any:
    """Gives the outputs of a layer their masks; a layer that does not support them loses them.

    Args:
        layer: The layer.
        args: Positional arguments of its call.
        kwargs: Its keyword arguments, masks included.
        outputs: What `call` returned.

    Returns:
        The outputs. A tensor that was an input, too, is not changed: a new one stands for it.
    """
    flat: list[Tensor] = _tree.flatten(outputs)
    if all(y.mask is not None for y in flat):
        return outputs
    first = args[0] if args else next(iter(kwargs.values()), None)
    previous = kwargs.get("mask")
    previous = of(first) if previous is None else previous
    if layer.supports_masking:
        new = layer.compute_mask(first, previous)
        if new is None:
            return outputs
        new = list(new) if isinstance(new, (list, tuple)) else [new]
        new += [None] * (len(flat) - len(new))
        wrong = [m for m in new if m is not None and not isinstance(m, Tensor)]
        if wrong:
            raise TypeError(
                f"{type(layer).__name__} '{layer.name}': expected compute_mask to return symbolic "
                f"tensors or None. Received: {wrong[0]!r}"
            )
        taken = set(calls.tensors((args, kwargs)))
        pairs = [(y, m if y.mask is None else None) for y, m in zip(flat, new, strict=False)]
        return _tree.pack(outputs, [masked(y, m, y in taken) for y, m in pairs])
    if calls.tensors(previous) and not layer._sublayers():
        warnings.warn(
            f"{type(layer).__name__} '{layer.name}': its inputs have a mask, which ends here, since "
            "the layer does not support masking: layers behind it see all steps. Hint: mask_zero=False "
            "or no Masking, if that is right; in a layer of your own, self.supports_masking = True "
            "passes the mask on",
            UserWarning,
            stacklevel=5,
        )
    return outputs


def masked(tensor: Tensor, mask: Tensor | None, new: bool = True) -> Tensor:
    """The tensor with a mask; with `new` another tensor, which costs nothing, stands for it."""
    if mask is None:
        return tensor
    if new:
        tensor = Node("identity", [tensor], tensor.shape, tensor.dtype).output
    tensor.mask = mask
    return tensor
