"""The fixtures of libvgpu.so's unit tests."""

from tests.unit.vgpu.conftest import container, machine, programs

__all__ = ["container", "machine", "programs"]
