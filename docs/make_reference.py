"""Writes docs/reference/*.md, one page for each module, from the docstrings of its public names.

python docs/make_reference.py            # writes
python docs/make_reference.py --check    # exit status 1 if a page says otherwise
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "reference"
MODULES = (
    "", "config", "backend", "layers", "losses", "metrics", "optimizers", "optimizers.schedules", "activations",
    "initializers", "regularizers", "constraints", "callbacks", "models", "saving", "utils",
    "datasets", "ops", "random", "tree", "wrappers",
)  # fmt: skip
INNER = ("check_floatx", "check_names", "has_factors", "log")  # for fastmlp alone
INNER_METHODS = {
    "acc", "accumulator", "add_scale", "aligned", "apart", "around", "arrays", "blocks", "check", "check_size",
    "choose", "clipped", "codes", "columns_of", "counts", "decay_of", "decays", "depth", "encoded", "extend",
    "extend_history", "finalize_state", "from_acc", "has_owner", "hooks", "hyper", "in_plans", "is_code",
    "is_traced", "keep", "minimize", "n_acc", "network_to_show", "over_time", "plan_state", "prepare", "rates",
    "refuse_overrides", "see_shapes", "settled", "shown_type", "slot_init", "slot_names", "slot_variables",
    "split", "stand_for", "state_is_variables", "steps", "trace_step", "traced_sums", "unbuild",
}  # fmt: skip
_LISTS = ("Args", "Call arguments", "Raises", "Attributes")
_SECTIONS = (*_LISTS, "Input shape", "Output shape", "Returns", "Example", "Source")
# Arguments whose meaning is the same everywhere.
COMMON = {
    "y_true": "Targets.",
    "y_pred": "Predictions, of the targets' shape unless told otherwise.",
    "name": "Name; made from the class's name if `None`.",
    "dtype": "`'float32'` or `'float64'`; `None`: `fastmlp.config.floatx()`.",
    "inputs": "The tensors, a list.",
    "axis": "The axis along which it is computed.",
    "identifier": "A name, a class, an instance, a config or a function; `None` gives `None`.",
    "config": "What `serialize` returned.",
    "model": "The model.",
    "filepath": "The file's path.",
    "overwrite": "Whether an existing file is replaced.",
    "obj": "A class or function.",
    "y": "Targets.",
    "sample_weight": "Weights of the samples.",
    "custom_objects": "Classes and functions of one's own, by name.",
}
# What a docstring leaves its formula and source to.
_REFERS = re.compile(r"(?:see|step of|Makes an?) `(?:losses\.)?(\w+)`")
_FORMULA = re.compile(r" = | [+·/<>≤≥-] |[√Σ²‖]|\|\w")
_CODE = r"```.*?```|`[^`]+`"
_HEADING = re.compile(rf"^({'|'.join(_SECTIONS)}):(.*)$")


def public(module: str) -> dict[str, Any]:
    """The public classes and functions of a module of fastmlp, by name; a data set's too.

    Of fastmlp itself (`""`) those that no other module has.
    """
    found = importlib.import_module(f"fastmlp.{module}".rstrip("."))
    names = getattr(found, "__all__", None) or [
        name
        for name, value in vars(found).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == found.__name__
    ]
    values: dict[str, Any] = {}
    for name in sorted(names, key=lambda name: (name.lower(), name)):
        value = getattr(found, name)
        if inspect.ismodule(value) and module == "datasets":
            inner = [n for n, v in vars(value).items() if _is_own(v, value) and n[0] != "_"]
            values |= {f"{name}.{n}": getattr(value, n) for n in inner}
        elif (inspect.isclass(value) or inspect.isfunction(value)) and name not in INNER:
            values[name] = value
    if not module:
        others = [value for other in MODULES[1:] for value in public(other).values()]
        values = {name: value for name, value in values.items() if value not in others}
    return values


def _is_own(value: Any, module: Any) -> bool:
    return inspect.isfunction(value) and value.__module__ == module.__name__


def aliases(names: dict[str, Any]) -> dict[str, list[str]]:
    """Names of the same thing, by the name that it has itself."""
    found: dict[str, list[str]] = {}
    for name, value in names.items():
        own = value.__name__
        if name != own and names.get(own) is value:
            found.setdefault(own, []).append(name)
    return found


def sections(docstring: str) -> dict[str, str]:
    """The parts of a docstring: `''` for what comes first, then by their headings."""
    parts: dict[str, list[str]] = {"": []}
    behind: dict[str, str] = {}  # on the line of the heading
    at = ""
    for line in docstring.splitlines():
        match = _HEADING.match(line)
        if match:
            at = match[1]
            parts.setdefault(at, [])
            behind[at] = match[2].strip()
        else:
            parts[at].append(line)
    texts = {name: textwrap.dedent("\n".join(lines)).strip("\n") for name, lines in parts.items()}
    return {name: f"{behind.get(name, '')}\n{text}".strip("\n") for name, text in texts.items()}


def signature(name: str, value: Any) -> str:
    """How it is called, broken into lines of 100 columns."""
    text = name + re.sub(r"\bself, |\(self\)", "", _signature(value))
    if len(text) <= 96:
        return text
    head, _, rest = text.partition("(")
    return head + "(\n" + textwrap.fill(rest, 92, initial_indent="    ", subsequent_indent="    ")


def _signature(value: Any) -> str:
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(…)"
    bare = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=found.empty))


def listed(text: str) -> str:
    """`name: meaning` lines as a Markdown list."""
    entries: list[str] = []
    for line in text.splitlines():
        if line and not line.startswith(" "):
            name, colon, rest = line.partition(":")
            if line.startswith("as those of"):  # which stand here, too
                continue
            told = bool(colon) and " " not in name
            entries.append(f"- `{name}`{colon}{rest}" if told else f"{line}\n")
        elif entries:
            entries[-1] += f" {line.strip()}"
    return "\n".join(entries)


def parameters(value: Any) -> list[str]:
    """Names of its arguments, but those that stand for any number."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = inspect.signature(value).parameters.values()
    return [p.name for p in found if p.kind not in several]


def complete(value: Any, names: dict[str, Any]) -> dict[str, str]:
    """The parts of its docstring; what that leaves to others is taken from them.

    Arguments and shapes that are not told stand where it inherits them from, at the class that a
    function belongs to, at a name of the module that the docstring mentions, or in `COMMON`.
    """
    parts = sections(inspect.getdoc(value) or "")
    told = _relatives(value, names, f"{parts['']} {parts.get('Args', '')}")
    known = {**COMMON}
    if value.__name__ == "serialize":
        known |= dict.fromkeys(parameters(value), "What to describe.")
    for other in reversed(told):
        known.update(_entries(other.get("Args", "")))
    found = [f"{p}: {known[p]}" for p in untold(value, parts) if p in known]
    if found:
        text = "\n".join([*found, *filter(None, [parts.get("Args", "")])])
        first = {"": parts.pop(""), "Args": text}
        parts = {**first, **{k: v for k, v in parts.items() if k != "Args"}}
    for heading in ("Input shape", "Output shape"):
        text = next((other[heading] for other in told if heading in other), "")
        if text and heading not in parts and "Input shape" not in parts:
            parts[heading] = text
    sources = [other["Source"] for other in _meant(value, names) if "Source" in other]
    if sources and "Source" not in parts:
        parts["Source"] = sources[0]
    return parts


def has_formula(value: Any, names: dict[str, Any]) -> bool:
    """Whether its docstring, or that of what it refers to, has a line of mathematics."""
    docs = [sections(inspect.getdoc(value) or ""), *_meant(value, names)]
    return any(
        _FORMULA.search(code) for doc in docs for code in re.findall(_CODE, doc[""], re.DOTALL)
    ) or any(re.search(r"\w = \S", doc[""]) for doc in docs)


def _meant(value: Any, names: dict[str, Any]) -> list[dict[str, str]]:
    """Docstrings of the class that a function belongs to, and of what its own says "see" of."""
    doc = inspect.getdoc(value) or ""
    words = [] if inspect.isclass(value) else _class_names(value)
    found = [names.get(name, value) for name in [*words, *_REFERS.findall(doc)]]
    return [sections(inspect.getdoc(other) or "") for other in found if other is not value]


def _class_names(function: Any) -> list[str]:
    words = "".join(word.capitalize() for word in function.__name__.split("_"))
    return [words, words.replace("Kl", "KL")]


def untold(value: Any, parts: dict[str, str]) -> list[str]:
    """Arguments of which nothing is said."""
    known = _entries(parts.get("Args", ""))
    return [p for p in parameters(value) if p not in known and f"`{p}`" not in str(parts)]


def _relatives(value: Any, names: dict[str, Any], text: str) -> list[dict[str, str]]:
    """Docstrings in which more may stand, the nearest first."""
    others: list[Any] = list(value.__mro__[1:-1]) if inspect.isclass(value) else []
    others += [value.__init__] if inspect.isclass(value) else []
    if not inspect.isclass(value):
        others += [names[n] for n in _class_names(value) if n in names]
    others += [names[n] for n in re.findall(r"`(\w+)", text) if names.get(n, value) is not value]
    found = [sections(inspect.getdoc(other) or "") for other in others if other is not value]
    for other in list(found):  # one step further: to what those refer to
        mentioned = re.findall(r"`(\w+)", f"{other['']} {other.get('Args', '')}")
        found += [sections(inspect.getdoc(names[n]) or "") for n in mentioned if n in names]
    return found


def _entries(text: str) -> dict[str, str]:
    """What an `Args` says of each argument."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            name, _, rest = line.partition(":")
            found[name] = rest.strip()
        elif name:
            found[name] += f" {line.strip()}"
    return found


def entry(name: str, value: Any, others: list[str], names: dict[str, Any]) -> str:
    """One name's part of a page."""
    lines = [f"## {name}", "", *_call(name, value), ""]
    if others:
        lines += [f"Also: {', '.join(f'`{other}`' for other in others)}.", ""]
    bases = [_where_classes_stand().get(base) for base in getattr(value, "__mro__", ())[1:]]
    if any(bases):
        lines += [f"Base: {next(filter(None, bases))}.", ""]
    lines += _told(value, names)
    if inspect.isclass(value):
        lines += _methods(value, names)
    return "\n".join(lines).rstrip() + "\n"


def _call(name: str, value: Any) -> list[str]:
    return ["```python", signature(name, value), "```"]


def _told(value: Any, names: dict[str, Any]) -> list[str]:
    """What its docstring says, and those that it leaves something to."""
    lines = []
    for heading, text in complete(value, names).items():
        if heading == "":
            lines += [text, ""]
        elif heading == "Example":
            lines += ["Example:", "", _example(text), ""]
        else:
            lines += [f"{heading}:", "", listed(text) if heading in _LISTS else text, ""]
    return lines


def _example(text: str) -> str:
    """Prompts and what they print in one block of code, words before them outside."""
    words, prompt, code = text.partition(">>>")
    block = f"```python\n{prompt}{code}\n```" if prompt else ""
    return "\n\n".join(part for part in (words.strip(), block) if part)


def _methods(kind: type, names: dict[str, Any]) -> list[str]:
    """Its public methods and properties: each in a line, and those that tell of arguments in full.

    They are the class's own and those of bases that no page tells of.
    """
    members = methods(kind)
    lines = []
    for name, value in members.items():
        doc = inspect.getdoc(value) or ""
        call = "" if isinstance(value, property) else "(…)"
        lines.append(f"- `{name}{call}`: {doc.splitlines()[0]}")
    found = ["Methods and properties:", "", *lines, ""] if lines else []
    for name, value in members.items():
        if not isinstance(value, property) and "Args" in sections(inspect.getdoc(value) or ""):
            found += [
                f"### {kind.__name__}.{name}",
                "",
                *_call(name, value),
                "",
                *_told(value, names),
            ]
    return found


def methods(kind: type) -> dict[str, Any]:
    """The public methods and properties, by name, that a class has from no other class with an entry.

    Those of Python's own classes are Python's to tell of: from version to version in other words.
    """
    told = [base for base in kind.__mro__[1:] if base in _where_classes_stand()]
    found = {}
    for name in dir(kind):
        home = next(base for base in kind.__mro__ if name in vars(base))
        value = vars(home)[name]
        value = getattr(value, "__func__", value)
        if (
            name.startswith("_")
            or name in INNER_METHODS
            or home.__module__.partition(".")[0] != "fastmlp"
            or any(hasattr(base, name) for base in told)
        ):
            continue
        if (isinstance(value, property) or inspect.isfunction(value)) and value.__doc__:
            found[name] = value
    return found


@functools.cache
def _where_classes_stand() -> dict[type, str]:
    """A link to the entry of each public class."""
    return {
        value: f"[`{name}`]({_file(module)}#{name.lower()})"
        for module in MODULES
        for name, value in public(module).items()
        if inspect.isclass(value) and value.__name__ == name
    }


def page(module: str) -> str:
    """A whole page."""
    names = public(module)
    around = {**public("losses"), **names} if module == "metrics" else names
    also = aliases(names)
    names = {
        n: v for n, v in names.items() if n not in {o for group in also.values() for o in group}
    }
    title = f"fastmlp.{module}".rstrip(".")
    doc = inspect.getdoc(importlib.import_module(title)) or ""
    index = ", ".join(f"[{name}](#{name.lower().replace('.', '')})" for name in names)
    note = "Written by `python docs/make_reference.py` from the docstrings."
    head = f"# {title}\n\n{doc.splitlines()[0]}\n\n{note}\n"
    return "\n".join(
        [head, textwrap.fill(index, 100, break_on_hyphens=False), ""]
        + [entry(name, value, also.get(name, []), around) for name, value in names.items()]
    )


def pages() -> dict[Path, str]:
    """Every page by its file."""
    return {FOLDER / _file(module): page(module) for module in MODULES}


def _file(module: str) -> str:
    return f"{module.replace('.', '-') or 'fastmlp'}.md"


def main() -> int:
    """Writes, or compares."""
    written = pages()
    if "--check" in sys.argv[1:]:
        stale = [p.name for p, text in written.items() if not p.exists() or p.read_text() != text]
        stale += [p.name for p in FOLDER.glob("*.md") if p not in written]
        print(
            f"Stale: {', '.join(stale)}. Run python docs/make_reference.py" if stale else "Current."
        )
        return int(bool(stale))
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
