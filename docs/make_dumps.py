"""Write ``dumps/*.txt``: one kernel in every stage. Run as ``python docs/make_dumps.py``.

Bytecode differs between versions of Python, so it is that of `PYTHON`; run this with it. Code
for a processor would be that of this machine, so it is made for `PROCESSOR`.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from kernelgen import pipeline
from kernelgen.runtime import engine
from kernelgen.types.signature import parse_inputs

FOLDER = Path(__file__).parent / "dumps"
PYTHON = (3, 12)
PROCESSOR = "x86-64-v3"
TYPES = "f8,f8"


# fmt: off
def f(x, y):
    return x*y + 1.0 if x > y else math.sqrt(x)
# fmt: on


def dump(stage: str) -> str:
    """The text of one stage, as it is made now."""
    return pipeline.STAGES[stage](pipeline.Request(f, parse_inputs(TYPES))).rstrip() + "\n"


def main() -> None:
    """Write all dumps."""
    if sys.version_info[:2] != PYTHON:
        sys.exit("the dumps are those of Python {}.{}".format(*PYTHON))
    triple = engine.host().triple
    engine.host = lambda: engine.Host(triple, PROCESSOR, "")
    FOLDER.mkdir(exist_ok=True)
    for stage in pipeline.STAGES:
        (FOLDER / f"{stage}.txt").write_text(dump(stage))


if __name__ == "__main__":
    main()
