"""Every test of a use case begins with an empty world."""

import pytest

from tests.unit.service.scene import Scene, a_scene


@pytest.fixture
def scene() -> Scene:
    return a_scene()
