"""What may import what, and what importing fastmlp costs."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastmlp

PACKAGE = Path(fastmlp.__file__).parent

# The order of CONTRIBUTING.md and docs/architecture.md: a module imports its own level or lower ones.
LEVELS = (
    (
        "_core",
        "_operators",
        "errors",
        "custom_objects",
        "registry",
        "config",
        "variables",
        "_seed",
        "_names",
        "_lock",
        "_gone",
        "_dtype_names",
        "_dtype_policy",
        "_late",
        "_model_paths",
        "_scopes",
        "_sparse",
        "_spelling",
        "_record",
        "_version",
        "_tree",
        "texts",
    ),
    ("graph", "whole_batch", "open_sizes", "calls"),
    ("ops",),
    ("plan", "_reference", "initializers", "regularizers", "constraints", "activations"),
    ("arguments", "boundary", "runtime", "function", "eager"),
    ("layers", "losses", "metrics", "optimizers"),
    ("training", "callbacks"),
    ("models", "saving"),
    # The surface: fastmlp itself and what only uses its public API.
    (
        "",
        "backend",
        "_backend_functions",
        "utils",
        "preprocessing",
        "random",
        "tree",
        "datasets",
        "demo",
        "wrappers",
        "_numpy_peer",
        "_show_config",
        "__main__",
    ),
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}


def modules() -> dict[str, Path]:
    """Dotted name below fastmlp ('' is the package itself): file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path) -> set[str]:
    """Modules below fastmlp that the file imports, those for type checkers alone left out."""
    names = set()
    tree = ast.parse(path.read_text())
    unseen = [
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    ]
    for node in ast.walk(tree):
        if node in unseen:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports inside fastmlp are absolute"
            if node.module == "fastmlp":
                names.update(f"fastmlp.{alias.name}" for alias in node.names)
            elif node.module is not None:
                names.add(node.module)
    return {
        name.removeprefix("fastmlp").removeprefix(".")
        for name in names
        if name == "fastmlp" or name.startswith("fastmlp.")
    }


def level(name: str) -> int:
    """Level of a module; what fastmlp itself defines (`fastmlp.Sequential`) is the surface."""
    return LEVEL.get(name.partition(".")[0], len(LEVELS) - 1)


def test_every_module_has_a_level():
    unknown = [name for name in modules() if name.partition(".")[0] not in LEVEL]
    assert not unknown


def test_imports_go_down_one_order_only():
    upward = [
        f"{name or 'fastmlp'} imports {other or 'fastmlp'}"
        for name, path in modules().items()
        for other in imported(path)
        if level(other) > level(name)
    ]
    assert not upward


def test_init_files_only_re_export():
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    for name, path in modules().items():
        if path.name == "__init__.py":
            for node in ast.parse(path.read_text()).body:
                late = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
                assert late or isinstance(node, allowed), f"{name}: {node.lineno} defines something"


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_import_brings_in_numpy_and_nothing_else():
    code = """
import sys
import numpy
before = set(sys.modules)
import fastmlp
tops = {name.partition('.')[0] for name in set(sys.modules) - before}
heavy = {'scipy', 'pandas', 'matplotlib', 'h5py', 'sklearn', 'keras', 'jax', 'torch'}
print(sorted(tops & heavy), sorted(tops - set(sys.stdlib_module_names) - {'fastmlp', 'numpy'}))
"""
    heavy, others = run_python(code).split("] [")
    assert heavy == "["
    # Cython's shared runtime registers itself in sys.modules, under names of its own.
    left = [name for name in others.rstrip("]").split(", ") if name]
    assert [name for name in left if "cython" not in name and "_cyutility" not in name] == []


def test_import_starts_no_thread():
    code = """
import os, threading
import numpy
before = len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 1
import fastmlp
after = len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 1
print(after - before, threading.active_count())
"""
    assert run_python(code) == "0 1"


def test_import_reads_no_file_but_code():
    code = """
import sys
import numpy
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)
import fastmlp
ends = ('.py', '.pyc', '.so', '.pyd', '.dylib')
print([path for path in opened if not path.endswith(ends) and '__pycache__' not in path])
"""
    assert run_python(code) == "[]"


def test_import_brings_nothing_that_few_programs_need():
    code = """
import sys
import numpy
before = set(sys.modules)
import fastmlp
seldom = ('csv', 'difflib', 'gzip', 'hashlib', 'html', 'http', 'json', 'pathlib', 'platform',
          'random', 'secrets', 'shutil', 'socket', 'ssl', 'subprocess', 'tempfile', 'urllib', 'zipfile',
          'fastmlp._backend_functions', 'fastmlp._gone', 'fastmlp._reference', 'fastmlp.datasets._files',
          'fastmlp.demo', 'fastmlp.wrappers')
print(sorted((set(sys.modules) - before).intersection(seldom)))
"""
    assert run_python(code) == "[]"


def test_import_brings_no_module_that_only_some_programs_need():
    code = """
import sys
import fastmlp
own = [name for name, module in sys.modules.items() if name.partition('.')[0] == 'fastmlp']
print(len([name for name in own if getattr(sys.modules[name], '__file__', None)]))
print(sorted(name for name in own if name.startswith((
    'fastmlp.datasets', 'fastmlp.layers.dense', 'fastmlp.layers.rnn', 'fastmlp.losses.lookup',
    'fastmlp.metrics.lookup', 'fastmlp.ops.linalg', 'fastmlp.ops.math', 'fastmlp.optimizers.adam',
    'fastmlp.preprocessing', 'fastmlp.saving.model_file', 'fastmlp.utils'))
    and getattr(sys.modules[name], '__file__', None)))
"""
    count, seldom = run_python(code).splitlines()
    assert int(count) <= 165  # before packages imported on first use: 308
    assert seldom == "[]"


def test_a_name_of_a_class_imports_its_module_alone():
    code = """
import sys
import fastmlp
fastmlp.layers.lookup.registry.find('lstm'), fastmlp.optimizers.get('adam')
print('fastmlp.layers.recurrent' in sys.modules, 'fastmlp.optimizers.adam' in sys.modules)
print('fastmlp.layers.embedding' in sys.modules, 'fastmlp.optimizers.lamb' in sys.modules)
"""
    assert run_python(code).splitlines() == ["True True", "False False"]


def late_imports() -> list[tuple[str, ast.ImportFrom]]:
    """Packages that import on first use, with each import statement that says what from where."""
    return [
        (f"fastmlp.{name}".rstrip("."), child)
        for name, path in modules().items()
        if path.name == "__init__.py" and "import_late()" in path.read_text()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.If)
        for child in node.body
        if isinstance(child, ast.ImportFrom)
    ]


def test_names_on_first_use_are_those_that_type_checkers_see():
    assert len(late_imports()) > 100
    for package, node in late_imports():
        assert node.module is not None
        for alias in node.names:
            assert alias.asname is None
            if node.module == package:
                there = importlib.import_module(f"{package}.{alias.name}")
            else:
                there = getattr(importlib.import_module(node.module), alias.name)
                inside = Path(*package.split(".")[1:], f"{alias.name}.py")
                assert not (PACKAGE / inside).exists(), f"{inside} would hide a name in {package}"
            assert getattr(importlib.import_module(package), alias.name) is there
            assert alias.name in dir(importlib.import_module(package))


def test_all_names_of_a_package_come_with_a_star():
    code = """
from fastmlp.layers import *
from fastmlp import layers
print(GlobalAvgPool1D.__name__, sorted(set(layers.__all__) - set(globals())))
"""
    assert run_python(code) == "GlobalAveragePooling1D []"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_each_module_works_where_no_other_was_imported():
    code = """
import doctest, importlib, os, pkgutil, sys
import fastmlp
flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
for module in pkgutil.walk_packages(fastmlp.__path__, 'fastmlp.'):
    if '__main__' in module.name or '_core' in module.name:
        continue
    child = os.fork()
    if not child:
        try:
            failed = doctest.testmod(importlib.import_module(module.name), optionflags=flags).failed
        except BaseException as error:
            failed = repr(error)
        if failed:
            print(module.name, failed, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
    assert run_python(code) == ""
