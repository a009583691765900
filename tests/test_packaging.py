"""What is shipped: version, types, stubs, the sdist."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
import tarfile
from importlib.metadata import metadata, requires, version
from pathlib import Path
from types import ModuleType

import pytest

import fastmlp
from fastmlp import _core

PACKAGE = Path(fastmlp.__file__).parent
NATIVE = sorted(
    module.name
    for module in pkgutil.iter_modules(_core.__path__)
    if (PACKAGE / "_core" / f"{module.name}.py").exists() is False
    and module.name != "_cyutility"  # Cython's own
)


def test_version_is_one():
    assert fastmlp.__version__ == version("fastmlp")


def test_changelog_begins_with_this_version(root):
    headings = [
        line for line in (root / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")
    ]
    assert headings[0].split()[1] == fastmlp.__version__


def test_numpy_and_scipy_are_all_it_needs():
    needed = [line for line in requires("fastmlp") or [] if "extra ==" not in line]
    assert sorted(line.partition(">")[0] for line in needed) == ["numpy", "scipy"]


def test_extras():
    assert set(metadata("fastmlp").get_all("Provides-Extra") or []) == {
        "bench",
        "demo",
        "dev",
        "keras-files",
        "plot",
        "test",
    }


def test_package_is_marked_as_typed():
    assert (PACKAGE / "py.typed").is_file()


def public(module: ModuleType) -> set[str]:
    """What a module offers: functions, classes and constants without underscore."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", module.__name__) == module.__name__
    }


def stubbed(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """What a stub, or a class in one, declares for others."""
    names: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = node
        elif isinstance(node, ast.ImportFrom):
            names.update((alias.asname, node) for alias in node.names if alias.asname == alias.name)
    return {name: node for name, node in names.items() if not name.startswith("_")}


def stub(name: str) -> dict[str, ast.stmt]:
    return stubbed(ast.parse((PACKAGE / "_core" / f"{name}.pyi").read_text()).body)


@pytest.mark.parametrize("name", NATIVE)
def test_stub_names_everything_public(name):
    module = importlib.import_module(f"fastmlp._core.{name}")
    assert stub(name).keys() == public(module)
    for attribute, node in stub(name).items():
        if isinstance(node, ast.ClassDef):
            members = {n for n in vars(getattr(module, attribute)) if not n.startswith("_")}
            assert stubbed(node.body).keys() == members, attribute


@pytest.mark.parametrize("name", NATIVE)
def test_stub_has_the_arguments_of_each_function(name):
    module = importlib.import_module(f"fastmlp._core.{name}")
    for attribute, node in stub(name).items():
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            signature = inspect.signature(getattr(module, attribute))
            assert [a.arg for a in arguments] == list(signature.parameters), attribute


def test_there_are_native_modules():
    assert {"_native", "plan"} <= set(NATIVE)


@pytest.fixture(scope="module")
def sdist(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names in the sdist, below its top folder."""
    folder = tmp_path_factory.mktemp("sdist")
    subprocess.run(
        [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, root],
        check=True,
        capture_output=True,
    )
    (archive,) = folder.glob("fastmlp-*.tar.gz")
    with tarfile.open(archive) as file:
        return [name.partition("/")[2] for name in file.getnames()]


def test_sdist_has_all_sources(root, sdist):
    wanted = [
        path.relative_to(root).as_posix()
        for folder in ("src", "csrc", "tests", "bench", "examples", "docs")
        for path in (root / folder).rglob("*")
        if path.suffix in {".py", ".pyi", ".pyx", ".pxd", ".h", ".def", ".md", ".typed", ".json"}
        or (path.suffix == ".c" and folder == "csrc")
    ]
    wanted = [name for name in wanted if ".egg-info/" not in name and "/." not in name]
    assert set(wanted) <= set(sdist)
    assert {"setup.py", "pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", ".ci/run"} <= set(
        sdist
    )


def test_sdist_has_no_product_of_a_build(sdist):
    generated = [name for name in sdist if name.startswith("src/") and name.endswith((".c", ".so"))]
    assert not generated
    assert not [name for name in sdist if "__pycache__" in name]


def test_license_is_the_whole_apache_2_0(root):
    text = (root / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_contributing_opens_with_the_folder_tree(root):
    lines = (root / "CONTRIBUTING.md").read_text().splitlines()
    assert lines[2] == "```"
    assert lines[3].startswith("csrc/")
