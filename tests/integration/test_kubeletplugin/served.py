"""A plugin as a process of its own: `python -m tests.integration.test_kubeletplugin.served FOLDER [POD_UID]`.

Its driver notes in FOLDER/log when work for a claim begins and ends. Work for a claim whose name starts with `slow`
takes as long as FOLDER/hold is there.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hami_dra.kubeletplugin import ClaimRef, DeviceHealth, HealthStatus, KubeletPlugin, PreparedDevice
from tests.integration.test_kubeletplugin.driver import NAME


class SlowDriver:
    """Works on claims in the open, for tests that look from another process."""

    def __init__(self, folder: Path) -> None:
        self._hold = folder / "hold"
        self._log = folder / "log"

    async def prepare(self, claim: ClaimRef) -> Sequence[PreparedDevice]:
        await self._work(claim)
        return [PreparedDevice(("main",), "node", "gpu-0", (f"example.com/share={claim.uid}",))]

    async def unprepare(self, claim: ClaimRef) -> None:
        await self._work(claim)

    async def _work(self, claim: ClaimRef) -> None:
        with self._log.open("a") as log:
            print("begin", claim.uid, file=log, flush=True)
            while claim.name.startswith("slow") and self._hold.exists():
                await asyncio.sleep(0.005)
            print("end", claim.uid, file=log, flush=True)


async def one_report() -> AsyncGenerator[Sequence[DeviceHealth], None]:
    yield [DeviceHealth("node", "gpu-0", HealthStatus.HEALTHY, datetime.now(UTC))]


async def serve(folder: Path, pod_uid: str | None) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    plugin = KubeletPlugin(
        NAME,
        SlowDriver(folder),
        plugin_dir=folder / "plugin",
        registry_dir=folder / "registry",
        pod_uid=pod_uid,
        health=one_report,
    )
    async with plugin:
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
