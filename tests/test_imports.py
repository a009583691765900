"""What may import what, and what importing fastmlp costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

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
        "_sparse",
        "_spelling",
        "_record",
        "_version",
        "_tree",
        "texts",
    ),
    ("graph", "calls"),
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
        "utils",
        "preprocessing",
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
                assert isinstance(node, allowed), f"{name}: line {node.lineno} defines something"


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
          'fastmlp._reference', 'fastmlp.datasets._files', 'fastmlp.demo', 'fastmlp.wrappers')
print(sorted((set(sys.modules) - before).intersection(seldom)))
"""
    assert run_python(code) == "[]"
