"""The package as a whole: cheap to import, complete, without further dependencies."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import kernelgen
from kernelgen import config

PACKAGE = Path(kernelgen.__file__).parent
PROJECT = Path(__file__).parents[1]
SOURCES = sorted(PACKAGE.rglob("*.py"))


def modules_after(text: str) -> set[str]:
    """The modules that are loaded after running ``text`` in a new process."""
    command = f"{text}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", command],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return set(run.stdout.split())


DECORATED = """
import kernelgen
@kernelgen.vectorize
def f(x, y):
    return x + y, x - y
kernelgen.vectorize(identity=0, error_model="python", fastmath=True)(lambda x, y: x + y)
f.nin, f.nout, f.__doc__, f.signatures, f.py_func
"""


@pytest.mark.parametrize("text", ["import kernelgen", DECORATED], ids=["import", "decorate"])
def test_llvm_and_the_compiler_are_loaded_when_first_needed(text):
    loaded = modules_after(text)
    assert "kernelgen.dispatch" in loaded
    heavy = {name for name in loaded if name.split(".")[0] == "llvmlite"}
    assert not heavy
    assert not loaded & {
        "kernelgen.pipeline", "kernelgen.load", "kernelgen.infer", "kernelgen.lower",
        "kernelgen.runtime.engine", "kernelgen.bytecode.build",
    }  # fmt: skip


def test_the_first_call_loads_them():
    loaded = modules_after(DECORATED + "f(1, 2)")
    assert {"llvmlite.binding", "kernelgen.pipeline", "kernelgen.load"} <= loaded


JITTED = """
import numpy
kernelgen.jit(lambda x: x[0] * 2.5)(numpy.ones(3))
"""


def test_a_first_call_loads_nothing_that_few_kernels_need():
    """Everyone waits for what it loads: the modules of the compiler, and little else."""
    loaded = modules_after(DECORATED + "f(1, 2)" + JITTED)
    added = loaded - modules_after("import numpy, llvmlite.binding")
    assert not added & {"dataclasses", "decimal", "fractions", "numpy.ma"}
    assert not added & {
        "kernelgen.core_loops", "kernelgen.runtime.descriptors", "kernelgen.runtime.gufunc_api",
        "kernelgen.shells.gufunc", "kernelgen.shells.interpreted",
    }  # fmt: skip


def test_import_adds_few_modules_to_numpys():
    added = modules_after("import kernelgen") - modules_after("import numpy")
    outside = {name.split(".")[0] for name in added} - {"kernelgen"}
    assert len(added) < 40
    assert not outside & {"difflib", "dis", "hashlib", "pathlib", "subprocess", "tokenize"}


def imported(source: Path) -> set[str]:
    """The top-level modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source} imports relatively"
            found.add((node.module or "").split(".")[0])
    return found


def test_nothing_but_numpy_and_llvmlite_is_imported():
    known = set(sys.stdlib_module_names) | {"kernelgen", "numpy", "llvmlite"}
    known |= {"tqdm"}  # for the bar that iterate() shows where it is installed
    known |= {"cuda"}  # its pathfinder knows where NVIDIA's wheels are, where it is installed
    for source in SOURCES:
        assert imported(source) <= known, source


def test_dependencies_are_numpy_and_llvmlite():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert [d.partition(">=")[0] for d in project["dependencies"]] == ["numpy", "llvmlite"]
    assert {"test", "bench", "docs"} <= set(project["optional-dependencies"])
    assert project["requires-python"] == ">=3.11"
    assert "BSD-3-Clause" in str(project["license"])


def test_no_compiled_extension():
    suffixes = {".so", ".pyd", ".c", ".cpp", ".pyx", ".h", ".o"}
    assert not [path for path in PACKAGE.rglob("*") if path.suffix in suffixes]


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists()
    data = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "py.typed" in data["package-data"]["kernelgen"]


def test_public_names_exist_and_are_documented():
    assert sorted(kernelgen.__all__) == sorted(set(kernelgen.__all__))
    for name in kernelgen.__all__:
        assert getattr(kernelgen, name).__doc__


def test_every_module_says_what_it_is():
    for source in SOURCES:
        text = source.read_text()
        assert not text.strip() or ast.get_docstring(ast.parse(text)), source


def test_version_is_the_projects():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert kernelgen.__version__ == project["version"]


# ----------------------------------------------------------------------------------------- switches


def test_every_switch_is_in_the_table():
    named = {
        node.value
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.startswith("KERNELGEN_") and node.value.isupper()
    }
    assert named == {switch.name for switch in config.SWITCHES}


@pytest.mark.parametrize("switch", config.SWITCHES, ids=lambda switch: switch.name)
def test_every_switch_is_documented(switch, monkeypatch):
    assert switch.name.startswith("KERNELGEN_")
    assert len(switch.meaning) > 20
    pages = [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
    assert any(switch.name in page.read_text() for page in pages)
    monkeypatch.delenv(switch.name, raising=False)
    assert switch.value() == switch.default
    monkeypatch.setenv(switch.name, "7")
    assert switch.value() == "7"


@pytest.mark.parametrize(
    ("text", "on"),
    [("1", True), ("yes", True), ("True", True), ("0", False), ("", False), ("No", False),
     ("FALSE", False), ("off", False)],
)  # fmt: skip
def test_switches_are_on_or_off(text, on, monkeypatch):
    monkeypatch.setenv(config.VERIFY.name, text)
    assert bool(config.VERIFY) is on
