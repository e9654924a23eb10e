"""The pool's native code under LLVM's thread sanitizer, where there is a clang that has it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kernelgen.runtime import pool_code, shared_code

HARNESS = Path(__file__).with_name("sanitized.c")


def clang():
    """A clang that reads the IR, which LLVM 16 is the first to do."""
    names = ["clang", *(f"clang-{version}" for version in range(30, 15, -1))]
    for found in filter(None, map(shutil.which, names)):
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
        version = re.search(r"version (\d+)", said.stdout)
        if version and int(version[1]) >= 16:
            return found
    pytest.skip("there is no clang 16 or later")


def sanitized(text, change=("", "")):
    """The text with each function marked, and with one change."""
    assert change[0] in text
    return re.sub(r"^(define .*) \{", r"\1 sanitize_thread {", text.replace(*change), flags=re.M)


def warnings(folder, change=("", "")):
    """What the sanitizer says of the pool, all of whose results are right."""
    for name, text in (("pool.ll", pool_code.source()), ("share.ll", shared_code.source())):
        folder.joinpath(name).write_text(sanitized(text, change if name == "pool.ll" else ("", "")))
    places = [f"-DWORKERS={pool_code.WORKERS}", f"-DROOM={pool_code.ROOM}"]
    built = subprocess.run(
        [
            *(clang(), "-O1", "-g", "-fsanitize=thread", "-Wno-override-module", *places),
            *(str(HARNESS), "pool.ll", "share.ll", "-lm", "-lpthread", "-o", "sanitized"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        pytest.skip(f"the sanitizer is not there: {built.stderr[-300:]}")
    command = [folder / "sanitized"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert "all right" in done.stdout, done.stderr
    return re.findall(r"WARNING: ThreadSanitizer: .*", done.stderr)


def test_no_data_races(tmp_path):
    assert warnings(tmp_path) == []


def test_a_lock_that_does_not_order_memory_would_be_found(tmp_path):
    weaker = ("xchg ptr %at, i64 1 acquire", "xchg ptr %at, i64 1 monotonic")
    assert any("data race" in each for each in warnings(tmp_path, weaker))
