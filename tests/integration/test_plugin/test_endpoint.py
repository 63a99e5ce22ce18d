"""What Prometheus and the kubelet's probes meet, of whatever family their addresses are."""

import asyncio
import socket
import threading
from collections.abc import Iterable

import aiohttp
import pytest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from hami_dra.plugin.endpoint import serve_endpoint
from tests.integration.test_plugin.node import free_port


class Slow(Collector):
    """Counts how many ask at a time, the first of whom wait until others could be there."""

    def __init__(self) -> None:
        self.most = 0
        self._asking = 0
        self._others = threading.Event()

    def collect(self) -> Iterable[Metric]:
        self._asking += 1
        self.most = max(self.most, self._asking)
        if self._asking > 1:
            self._others.set()
        self._others.wait(0.05)
        self._asking -= 1
        return ()


async def status(host: str, port: int, path: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}{path}") as response:
        return response.status


async def test_every_address_is_of_both_families() -> None:
    port = free_port()
    async with serve_endpoint([], ("", port), is_ready=lambda: True):
        assert await status("127.0.0.1", port, "/healthz") == 200
        if socket.has_dualstack_ipv6():
            assert await status("[::1]", port, "/readyz") == 200


async def test_where_there_is_no_ipv6_every_address_is_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    listen = socket.create_server

    def listen_to_ipv4(address: tuple[str, int], *, family: int, dualstack_ipv6: bool = False) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError("Cannot assign requested address")
        return listen(address, family=family, dualstack_ipv6=dualstack_ipv6)

    monkeypatch.setattr(socket, "create_server", listen_to_ipv4)
    port = free_port()
    async with serve_endpoint([], ("", port), is_ready=lambda: True):
        assert await status("127.0.0.1", port, "/healthz") == 200


async def test_who_asks_all_the_time_is_served_one_by_one() -> None:
    port, slow = free_port(), Slow()
    async with serve_endpoint([slow], ("127.0.0.1", port), is_ready=lambda: True):
        assert await asyncio.gather(*(status("127.0.0.1", port, "/metrics") for _ in range(8))) == [200] * 8
    assert slow.most == 1
