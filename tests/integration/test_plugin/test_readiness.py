import aiohttp

from hami_dra.plugin.endpoint import serve_endpoint
from tests.integration.test_plugin.node import Node, free_port


async def test_ready_when_the_kubelet_has_registered_the_driver(node: Node) -> None:
    assert await node.get("/readyz") == "ok\n"


async def test_not_ready_before_and_alive_all_the_same() -> None:
    port = free_port()
    async with (
        serve_endpoint([], ("127.0.0.1", port), is_ready=lambda: False),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        async with session.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "not registered with the kubelet\n")
        async with session.get("/healthz") as answer:
            assert answer.status == 200
