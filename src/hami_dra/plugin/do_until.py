"""Work that ends early when something happens."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def do_until(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do work until it is done, or cancel it when the event is set. Raises what the work raises."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        waiting.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)
    if not working.cancelled():
        working.result()
