"""The page on `fastmlp.ops` is made from docstrings: `python tests/ops/test_docs.py` writes it."""

from __future__ import annotations

import inspect
from pathlib import Path

from fastmlp import ops

PAGE = Path(__file__).parents[2] / "docs" / "ops.md"
# Modules of fastmlp.ops, and what the page calls them.
TITLES = {
    "math": "Element by element",
    "formulas": "Element by element, made of others",
    "reductions": "Reductions",
    "nans": "Reductions that pass over NaN",
    "statistics": "Differences, distances, means and products of vectors",
    "products": "Products of matrices",
    "linalg": "Linear algebra",
    "shapes": "Shapes and places",
    "stacking": "Together and apart",
    "order": "Order and indices",
    "nonlinear": "Activations and normalisations",
    "layers": "Softmax, and what layers are made of",
    "classes": "Classes and cross-entropies",
    "counting": "Counts and scattered numbers, most of arrays only",
    "integers": "Bits and divisors, of arrays only",
    "windows": "Windows, of arrays only",
    "control": "Branches and loops",
    "core": "Types and constants",
    "python": "Code of your own",
}
HEAD = """# fastmlp.ops

Functions named as in `keras.ops`. On symbolic tensors, in a layer's `call`, a loss, a metric, an
activation or a regularizer, they become native ops of the compiled plan, with gradients; on arrays they
compute with NumPy.

```python
from fastmlp import ops


def loss(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)
```

- The first axis of a symbolic tensor is the batch. Functions that treat each sample alike, and reductions
  over the batch (`ops.mean(x, axis=0)`, one value for all samples), run on parts of it. Where a loss, a
  metric or a layer takes the batch for an axis like others (`ops.matmul(z, ops.transpose(z))`,
  `ops.roll(x, 1, axis=0)`, `x / ops.shape(x)[0]`), the plan is made for one number of samples, and such
  functions compute on all of them together; the last, smaller batch has a plan of its own.
- `ops.shape(x)[0]` is `None` until then; `ops.zeros((None, 4))`, `ones`, `full`, and `tile`, `repeat` and
  `broadcast_to` of one value `(1, …)` take it, within `call`, a loss or a metric, for the number of samples.
  `outer`, `inner` and `ravel` of symbolic tensors are those of each sample.
- Operands broadcast as in NumPy; tensors with a batch axis have equally many axes.
- Arrays keep their types by Keras's rules; a plan computes in the one type of its model. Comparisons on
  tensors give 1 and 0.
- `a + b`, `x[:, 2:]`, `-x`, `x @ w` and the other operators of Python are these functions, too.
- Places, comparisons and roundings have no gradient. `ops.stop_gradient` stops one.
"""


def page() -> str:
    """The page as the docstrings have it."""
    found: dict[str, list[str]] = {name: [] for name in TITLES}
    for name in ops.__all__:
        function = getattr(ops, name)
        if inspect.isfunction(function):
            module = function.__module__.rpartition(".")[2]
            first = (function.__doc__ or "").partition("\n")[0]
            arguments = ", ".join(
                {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(p.kind.name, "") + p.name
                for p in inspect.signature(function).parameters.values()
            )
            found[module].append(f"- `{name}({arguments})`: {first}")
    parts = [
        f"## {title}\n\n" + "\n".join(found[module]) + "\n"
        for module, title in TITLES.items()
        if found[module]
    ]
    return HEAD + "\n" + "\n".join(parts)


def test_the_page_is_what_the_docstrings_say():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_function_says_what_it_does():
    for name in ops.__all__:
        function = getattr(ops, name)
        if inspect.isfunction(function):
            assert (function.__doc__ or "").partition("\n")[0].endswith((".", ":")), name


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
