"""The fixtures of the unit tests of libvgpu.so and hami-dra-oci-hook."""

from tests.unit.ocihook.conftest import backend, group, hook, machine
from tests.unit.vgpu.conftest import container, programs

__all__ = ["backend", "container", "group", "hook", "machine", "programs"]
