"""The curves of a training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from fastmlp.errors import bad_argument


def plot_history(
    history: Any,
    metrics: Sequence[str] | None = None,
    to_file: str | os.PathLike[str] | None = None,
) -> Any:
    """Draws losses and metrics over the epochs, a panel for each; needs `matplotlib`.

    Values of training and validation share a panel.

    Args:
        history: What `fit` returned, or its `history`.
        metrics: Names to draw, without `val_`. Default: all.
        to_file: Where to save the picture; its ending tells the format. Default: nowhere.

    Returns:
        The `matplotlib` figure.

    Raises:
        ImportError: If `matplotlib` is missing.
        ValueError: If there is nothing to draw, or a name is not known.
    """
    values = getattr(history, "history", history)
    if not isinstance(values, Mapping):
        raise bad_argument("plot_history", "what fit returned", "history", type(history))
    names = [name for name in values if not name.startswith("val_") or name[4:] not in values]
    if not names:
        raise ValueError("plot_history: expected at least one epoch. Received: an empty history")
    wanted = names if metrics is None else [*([metrics] if isinstance(metrics, str) else metrics)]
    for name in wanted:
        if name not in values:
            raise bad_argument("plot_history", f"some of {names}", "metrics", name)
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "You must install matplotlib (`pip install matplotlib`, or `pip install fastmlp[plot]`) "
            "for `plot_history` to work."
        ) from None
    epochs = getattr(history, "epoch", None) or range(len(values[wanted[0]]))
    figure = Figure(figsize=(5 * len(wanted), 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(wanted), squeeze=False)[0], wanted, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in values:
                numbers = [epoch + 1 for epoch in epochs][-len(values[key]) :]
                axes.plot(
                    numbers, values[key], marker="." if len(numbers) < 30 else "", label=label
                )
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.legend()
        axes.grid(alpha=0.3)
    if to_file is not None:
        figure.savefig(os.fspath(to_file))
    return figure
