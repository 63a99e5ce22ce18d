"""The HTTP endpoint for Prometheus and for the kubelet's probes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector


@asynccontextmanager
async def serve_endpoint(
    collectors: Iterable[Collector], address: tuple[str, int], *, is_ready: Callable[[], bool]
) -> AsyncIterator[None]:
    """Serve `/metrics`, `/healthz` and `/readyz` while the context is entered; the last fails while not `is_ready`.

    An `address` without a host is every address of this machine, of IPv4 and IPv6. Raises OSError where it cannot be
    had.
    """
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    runner = web.AppRunner(_app(registry, is_ready), access_log=None)
    await runner.setup()
    try:
        try:
            await web.SockSite(runner, _listen(address)).start()
        except OSError as error:
            raise OSError(f"cannot serve metrics at {address[0]}:{address[1]}: {error}") from error
        yield
    finally:
        await runner.cleanup()


def _app(registry: CollectorRegistry, is_ready: Callable[[], bool]) -> web.Application:
    alone = asyncio.Lock()

    async def metrics(_: web.Request) -> web.Response:
        try:
            # Reading the shares' files must not hold up the kubelet's calls, nor must anybody who asks all the time.
            async with alone:
                body = await asyncio.to_thread(generate_latest, registry)
        except OSError as error:
            return web.Response(text=f"{error}\n", status=503)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if is_ready():
            return web.Response(text="ok\n")
        return web.Response(text="not registered with the kubelet\n", status=503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app


def _listen(address: tuple[str, int]) -> socket.socket:
    host, port = address
    if not host:
        # Pods have addresses of the cluster's families, and IPv6 may be switched off.
        with suppress(OSError):
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    (family, _, _, _, found), *_ = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)
    return socket.create_server(found, family=family)
