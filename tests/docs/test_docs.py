"""The pages tell the truth: snippets run, dumps and tables are those of today's compiler."""

from __future__ import annotations

import doctest
import importlib
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernelgen import config, pipeline
from kernelgen.bytecode import rejected
from kernelgen.ops import library
from kernelgen.ops.registry import OPS
from kernelgen.types import table

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md")])
FENCE = re.compile(r"^( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module", autouse=True)
def _docs_on_path() -> Iterator[None]:
    sys.path.insert(0, str(DOCS))
    yield
    sys.path.remove(str(DOCS))


def docs_module(name: str) -> types.ModuleType:
    """A Python file of the documentation."""
    return importlib.import_module(name)


# ------------------------------------------------------------------------------- snippets


class _Checker(doctest.OutputChecker):
    """Messages name the file ``kernel.py`` where doctest has a name of its own."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(want, re.sub(r"<doctest [^>]*>", "kernel.py", got), optionflags)


def snippets(page: Path) -> str:
    """The page with everything blanked but its Python, so that line numbers stay."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * len(text.splitlines())
    for match in FENCE.finditer(text):
        first = text.count("\n", 0, match.start()) + 1
        for i, line in enumerate(match[2].splitlines()):
            lines[first + i] = line
    return "\n".join(lines) + "\n"


def module_of(page: Path) -> types.ModuleType:
    """A module for a page's names, where pickle can find them."""
    return types.ModuleType(f"snippets_of_{page.stem}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_give_what_the_page_says(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_of(page)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    test = doctest.DocTestParser().get_doctest(snippets(page), {}, page.name, str(page), 0)
    test.globs = module.__dict__
    report: list[str] = []
    runner = doctest.DocTestRunner(_Checker(), verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(test, out=report.append, clear_globs=False)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_snippet_has_prompts(page: Path) -> None:
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        assert match[2].lstrip().startswith(">>>"), match[0]


# ---------------------------------------------------------------------------------- dumps


def test_there_is_a_dump_of_every_stage_and_the_journey_shows_it() -> None:
    journey = (DOCS / "journey.md").read_text(encoding="utf-8")
    for stage in pipeline.STAGES:
        assert (DOCS / "dumps" / f"{stage}.txt").read_text().strip()
        assert f"dumps/{stage}.txt" in journey and f"## {stage}\n" in journey


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 joins the two ways before one return")
@pytest.mark.parametrize("stage", ["ssa", "typed", "rewritten", "llvm"])
def test_dumps_are_fresh(stage: str) -> None:
    assert_fresh(stage)


@pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="the dumps are those of Python 3.12")
@pytest.mark.parametrize("stage", ["bytecode", "cfg"])
def test_dumps_of_bytecode_are_fresh(stage: str) -> None:
    assert_fresh(stage)


def assert_fresh(stage: str) -> None:
    """The file of a stage is what the pipeline makes now."""
    found = (DOCS / "dumps" / f"{stage}.txt").read_text()
    assert found == docs_module("make_dumps").dump(stage), "run python docs/make_dumps.py"


# --------------------------------------------------------------------------------- tables


def test_pages_ask_for_tables_that_exist_and_all_are_shown() -> None:
    tables = docs_module("tables")
    asked = {name for page in PAGES for name in tables.MARKER.findall(page.read_text("utf-8"))}
    assert asked == set(tables.TABLES)


def test_every_page_is_in_the_contents() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    contents = re.search(r"```{toctree}\n.*?\n\n(.*?)```", index, re.DOTALL)
    assert contents is not None
    assert {"index", *contents[1].split()} == {page.stem for page in DOCS.glob("*.md")}


def test_tables_have_a_row_for_everything() -> None:
    tables = docs_module("tables")
    for switch in config.SWITCHES:
        assert f"| `{switch.name}` | `{switch.default}` | {switch.meaning} |" in tables.switches()
    for row in table.SCALARS + table.TIMES:
        assert f"| `{row.name}` | `{row.long_name}` |" in tables.types()
    for row in tables.math_rows():
        assert f"`{tables.call(row.python, row.arity)}`" in tables.mathematics()
    for sentence, hint in (row[1:] for row in rejected._SENTENCES):
        assert f"| {sentence} | {hint} |" in tables.rejections()


def test_every_callable_is_in_one_of_the_tables_of_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KERNELGEN_VERIFY", "0")  # the types of a thousand kernels are asked for
    tables = docs_module("tables")
    shown = tables.mathematics() + tables.other_functions() + tables.numpy_functions()
    of_ops = {each for op in OPS.values() for each in op.calls}
    for function, arity in of_ops | {*tables.library_calls()}:
        if not tables.is_internal(function):
            assert f"| `{tables.call(function, arity)}` |" in shown
    known = {function for function, _ in tables.library_calls()}
    assert known == {function for function, _ in library.BY_CALL if function is not range}


INCLUDES = [
    (page, match)
    for page in sorted(DOCS.glob("*.md"))
    for match in re.finditer(r"```\{literalinclude\} (\S+)\n(.*?)```", page.read_text(), re.S)
]


@pytest.mark.parametrize(("page", "include"), INCLUDES, ids=lambda each: getattr(each, "name", ""))
def test_what_is_included_is_found(page, include):
    text = (page.parent / include[1]).read_text()
    at = 0
    for where in re.findall(r':(?:start-at|end-at|end-before): "?(.*?)"?\n', include[2]):
        at = text.find(where, at)
        assert at >= 0, f"{include[1]} has no {where!r} there"
