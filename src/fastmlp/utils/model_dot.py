"""Models as drawings: boxes for layers, arrows for what flows between them."""

from __future__ import annotations

import importlib
import os
from typing import Any

from fastmlp import _tree, calls
from fastmlp.calls import Operation
from fastmlp.layers import InputLayer
from fastmlp.models import Model, Sequential

_PYDOT = (
    "You must install pydot (`pip install pydot`, or `pip install fastmlp[plot]`) for {} to work."
)
_GRAPHVIZ = (
    "You must install graphviz (see instructions at https://graphviz.gitlab.io/download/) for "
    "`plot_model` to work."
)


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Makes a drawing of a model, for `pydot`.

    Args:
        model: A model that is built.
        show_shapes: Whether to show the shapes of inputs and outputs.
        show_dtype: Whether to show the types of outputs.
        show_layer_names: Whether to show names beside classes.
        rankdir: `'TB'`: from top to bottom. `'LR'`: from left to right.
        expand_nested: Whether to show what is inside of models within the model.
        dpi: Dots per inch.
        subgraph: Whether to return a cluster, to be put into another drawing.
        show_layer_activations: Whether to show activations.
        show_trainable: Whether to show which layers are trained.
        splines: How arrows run: `'ortho'`, `'curved'`, `'polyline'`, `'spline'` or `'line'`.

    Returns:
        A `pydot.Dot`, or a `pydot.Cluster` if `subgraph`.

    Raises:
        ImportError: If `pydot` is missing.
        ValueError: If the model is not built.
    """
    _check_built(model)
    pydot = _pydot("`model_to_dot`")
    shown = {
        "names": show_layer_names,
        "activations": show_layer_activations,
        "dtype": show_dtype,
        "shapes": show_shapes,
        "trainable": show_trainable,
    }
    if subgraph:
        dot = pydot.Cluster(style="dashed", graph_name=model.name)
        dot.set("label", model.name)
        dot.set("labeljust", "l")
    else:
        dot = pydot.Dot()
        for name, value in (("rankdir", rankdir), ("concentrate", True), ("dpi", dpi)):
            dot.set(name, value)
        dot.set("splines", splines)
        dot.set_node_defaults(shape="record")
    _fill(pydot, dot, model, shown, expand_nested)
    return dot


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draws a model into a file; needs `pydot` and graphviz.

    Args:
        model: A model that is built.
        to_file: File to write; its ending tells the format, as `.png`, `.svg` or `.pdf`.
        show_shapes: Whether to show the shapes of inputs and outputs.
        show_dtype: Whether to show the types of outputs.
        show_layer_names: Whether to show names beside classes.
        rankdir: `'TB'`: from top to bottom. `'LR'`: from left to right.
        expand_nested: Whether to show what is inside of models within the model.
        dpi: Dots per inch.
        show_layer_activations: Whether to show activations.
        show_trainable: Whether to show which layers are trained.
        splines: How arrows run: `'ortho'`, `'curved'`, `'polyline'`, `'spline'` or `'line'`.

    Returns:
        An image to display where Jupyter is installed, else `None`.

    Raises:
        ImportError: If `pydot` or graphviz is missing.
        ValueError: If the model is not built.
    """
    _check_built(model)
    pydot = _pydot("`plot_model`")
    try:
        pydot.Dot().create()
    except (OSError, pydot.PydotException):
        raise ImportError(_GRAPHVIZ) from None
    dot = model_to_dot(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, False,
        show_layer_activations, show_trainable, splines,
    )  # fmt: skip
    path = os.fspath(to_file)
    kind = os.path.splitext(path)[1][1:] or "png"
    dot.write(path, format=kind)
    if kind == "pdf":
        return None
    try:
        display = importlib.import_module("IPython.display")
    except ImportError:
        return None
    return display.Image(filename=path)


def _pydot(where: str) -> Any:
    try:
        import pydot
    except ImportError:
        raise ImportError(_PYDOT.format(where)) from None
    return pydot


def _check_built(model: Any) -> None:
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by "
            "calling the model on a batch of data."
        )


def _fill(pydot: Any, dot: Any, model: Any, shown: dict[str, bool], expand: bool) -> None:
    """Puts the boxes and arrows of a model into a drawing."""
    opened = _is_open(model)
    for part in _parts(model) if opened else [model]:
        if expand and _is_open(part):
            cluster = pydot.Cluster(style="dashed", graph_name=part.name)
            cluster.set("label", part.name)
            cluster.set("labeljust", "l")
            _fill(pydot, cluster, part, shown, expand)
            dot.add_subgraph(cluster)
        else:
            node = pydot.Node(str(id(part)), label=_label(part, **shown))
            for name, value in (("fontname", "Helvetica"), ("border", "0"), ("margin", "0")):
                node.set(name, value)
            dot.add_node(node)
    for source, destination in dict.fromkeys(_arrows(model, expand)) if opened else ():
        edge = pydot.Edge(source, destination)
        edge.set("penwidth", "2")
        dot.add_edge(edge)


def _is_open(part: Any) -> bool:
    """Whether the parts of a model are known one by one; subclasses with `call` are one box."""
    return isinstance(part, Sequential) or (isinstance(part, Model) and part._is_functional())


def _parts(model: Any) -> list[Any]:
    return model.layers if isinstance(model, Sequential) else model.operations


def _arrows(model: Any, expand: bool) -> list[tuple[str, str]]:
    """Pairs of boxes."""
    network = model._graph()
    first = None if not isinstance(model, Sequential) else network.inputs[0]
    found = []
    for call in network.calls:
        for number, tensor in enumerate(call.inputs):
            if tensor is first:
                continue
            source, destination = calls.of(tensor).layer, call.layer
            if expand:
                source = _last_box(tensor)
                destination = _first_box(destination, number)
            found.append((str(id(source)), str(id(destination))))
    return found


def _last_box(tensor: Any) -> Any:
    """The box within nested models that computes a tensor."""
    call = calls.of(tensor)
    while _is_open(call.layer):
        at = next(i for i, t in enumerate(_tree.flatten(call.outputs)) if t is tensor)
        tensor = call.layer.outputs[at]
        call = calls.of(tensor)
    return call.layer


def _first_box(part: Any, number: int) -> Any:
    """The box within nested models that takes an input."""
    while _is_open(part):
        if isinstance(part, Sequential):
            part, number = part.layers[0], 0
        else:
            part = calls.of(part.inputs[number]).layer
    return part


# Labels: HTML-like tables, as Keras draws them.


def _label(
    part: Any, names: bool, activations: bool, dtype: bool, shapes: bool, trainable: bool
) -> str:
    kind = type(part).__name__
    if isinstance(part, Operation):
        kind = "".join(word.capitalize() for word in part.function.__name__.split("_"))
    elif _is_open(part) and not isinstance(part, Sequential):
        kind = "Functional" if type(part) is Model else kind
    columns = max(1, dtype + trainable + 2 * shapes)
    title = f"<b>{_escape(part.name)}</b> ({kind})" if names else f"<b>{kind}</b>"
    rows = [_cell(title, "black", "white", 16, columns)]
    activation = getattr(part, "activation", None)
    if activations and activation is not None:
        name = getattr(activation, "name", getattr(activation, "__name__", str(activation)))
        rows.append(_cell(f"Activation: <b>{_escape(name)}</b>", span=columns))
    cells = []
    if shapes:
        taken, given = _shapes(part)
        if not isinstance(part, InputLayer):
            cells.append(_cell(f"Input shape: <b>{_text(taken)}</b>"))
        cells.append(_cell(f"Output shape: <b>{_text(given)}</b>"))
    if dtype:
        kinds = _apply("dtype", _of_first_call(part)[1])
        cells.append(_cell(f"Output dtype: <b>{kinds or '?'}</b>"))
    if trainable and getattr(part, "weights", None):
        color, word = (
            ("forestgreen", "Trainable") if part.trainable else ("firebrick", "Non-trainable")
        )
        cells.append(_cell(f"<b>{word}</b>", color, "white"))
    if cells:
        rows.append("".join(cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{body}</table>>'


def _escape(text: str) -> str:
    import html

    return html.escape(text)


def _cell(
    text: str, background: str = "white", color: str = "", size: int = 14, span: int = 0
) -> str:
    spans = f' colspan="{span}"' if span else ""
    colors = f' color="{color}"' if color else ""
    font = f'<font point-size="{size}"{colors}>{text}</font>'
    return f'<td{spans} bgcolor="{background}">{font}</td>'


def _shapes(part: Any) -> tuple[Any, Any]:
    taken, given = _of_first_call(part)
    return _apply("shape", taken), _apply("shape", given)


def _of_first_call(part: Any) -> tuple[Any, Any]:
    """Tensors that went in and came out."""
    if isinstance(part, Model):
        return part._input_structure, part._graph().output_structure
    first = part.calls[0]
    args = first.args if not first.kwargs else first.inputs
    return (args[0] if len(args) == 1 else list(args)), first.outputs


def _apply(name: str, structure: Any) -> Any:
    return _tree.apply(lambda leaf: getattr(leaf, name, leaf), structure)


def _text(shape: Any) -> str:
    if isinstance(shape, dict):
        shape = ", ".join(f"{key}: {value}" for key, value in shape.items())
    return _escape(str(shape).replace("{", "").replace("}", ""))
