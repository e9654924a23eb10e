"""A short form of `stress.py`, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.any_python
def test_threads_errors_and_forks_at_random():
    script = Path(__file__).with_name("stress.py")
    done = subprocess.run(
        [sys.executable, script, "--seconds", "4"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all right" in done.stdout
