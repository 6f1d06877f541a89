"""The tests. What is run from here by hand (`python -m tests.…`) finds our code as pytest does."""

import sys
from pathlib import Path

_SHARED = str(Path(__file__).resolve().parents[1] / "shared")
if _SHARED not in sys.path:
    sys.path.insert(0, _SHARED)
