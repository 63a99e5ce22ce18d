"""A driver of which a test says when it goes on, and what it does with which claim."""

import asyncio
from collections.abc import Sequence

from hami_dra.kubeletplugin import ClaimError, ClaimRef, PreparedDevice

NAME = "gpu.example.com"
DEADLINE = 10
ONE, TWO, BAD, BROKEN, ODD = (ClaimRef("ns", name, f"uid-{name}") for name in ("one", "two", "bad", "broken", "odd"))
PREPARED = PreparedDevice(
    requests=("main/sub",), pool="node", device="gpu-0", cdi_device_ids=("example.com/share=a",), share_id="id-a"
)


class RecordingDriver:
    """Writes down when its calls begin and end; `gate` holds them in between."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.log: list[str] = []

    async def prepare(self, claim: ClaimRef) -> Sequence[PreparedDevice]:
        await self._pass("prepare", claim)
        if claim == BAD:
            raise ClaimError("the claim\nis not allocated:  wait")
        if claim == BROKEN:
            raise ZeroDivisionError("a\nbug")
        if claim == ODD:
            raise ClaimError("cannot write \udcff")
        return [PREPARED]

    async def unprepare(self, claim: ClaimRef) -> None:
        await self._pass("unprepare", claim)
        if claim == BAD:
            raise ClaimError("busy")

    async def began(self, *entries: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while not set(entries) <= set(self.log):
                await asyncio.sleep(0.001)

    async def _pass(self, call: str, claim: ClaimRef) -> None:
        self.log.append(f"{call} {claim.name} begins")
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.log.append(f"{call} {claim.name} is cancelled")
            raise
        self.log.append(f"{call} {claim.name} ends")
