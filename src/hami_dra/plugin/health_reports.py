"""The word to the kubelet on how this node's GPUs are, which it shows with the pods that use them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from hami_dra.gpu import Gpu
from hami_dra.kubeletplugin import DeviceHealth

from .health import GpuHealth
from .node import GpuNode
from .slices import device_name

_REPEAT_SECONDS = 10
"""Between two reports without news; the kubelet takes the health for unknown after three times this."""


async def health_reports(
    health: GpuHealth, node: Callable[[], GpuNode]
) -> AsyncGenerator[Sequence[DeviceHealth], None]:
    """The health of all devices of `node` at present: at once, at each change, and within the kubelet's patience."""
    while True:
        told = health.changes
        present = node()
        yield [_device(health, present.name, gpu) for gpu in present.gpus.values()]
        with suppress(TimeoutError):
            async with asyncio.timeout(_REPEAT_SECONDS):
                await health.changed_since(told)


def _device(health: GpuHealth, pool: str, gpu: Gpu) -> DeviceHealth:
    status, message = health.status(gpu)
    return DeviceHealth(
        pool=pool,
        device=device_name(gpu),
        status=status,
        checked=datetime.now(UTC),
        message=message,
        timeout_seconds=3 * _REPEAT_SECONDS,
    )
