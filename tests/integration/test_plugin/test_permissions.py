"""The chart's role allows what the plugin asks of the API server, and nothing else."""

import asyncio
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from hami_dra.kubeletplugin import ClaimRef
from hami_dra.local.apiserver.kinds import RESOURCE_CLAIM, RESOURCE_SLICE
from hami_dra.local.apiserver.permission import Permission
from tests.integration.test_plugin.node import Node, share, until

EVICT = Permission("create", "", "pods/eviction")
TEMPLATES = Path(__file__).parents[3] / "deploy" / "chart" / "hami-dra-driver" / "templates"


IF_EVICTING = r'\{\{- if eq .Values.onOveruse "evict" \}\}(.*?)\{\{- end \}\}'


def allowed(*, evicting: bool = False) -> set[Permission]:
    """What the role in the chart allows, as the template has it before helm fills in the names."""
    text = re.sub(IF_EVICTING, r"\1" if evicting else "", (TEMPLATES / "rbac.yaml").read_text(), flags=re.DOTALL)
    text = re.sub(r"\{\{.*?\}\}", "name", text)
    (role,) = (each for each in yaml.safe_load_all(text) if each["kind"] == "ClusterRole")
    return {
        Permission(verb, group, resource)
        for rule in role["rules"]
        for verb, group, resource in product(rule["verbs"], rule["apiGroups"], rule["resources"])
    }


def slices(node: Node) -> list[dict[str, Any]]:
    return node.api.store.list(RESOURCE_SLICE, lambda _: True)


async def test_role_allows_exactly_what_is_asked(idle_node: Node) -> None:
    node = idle_node
    claim = await node.claim("single", share("gpu", 0))
    node.api.asked.clear()  # From here on, only the plugin talks to the API server.
    await _all_that_needs_the_api_server(node, claim)
    assert node.api.asked == allowed()


@pytest.mark.parametrize("missing", sorted(allowed()), ids="-".join)
async def test_without_any_one_permission_something_fails(idle_node: Node, missing: Permission) -> None:
    node = idle_node
    claim = await node.claim("single", share("gpu", 0))
    node.api.refused = {missing}
    everything = asyncio.create_task(_all_that_needs_the_api_server(node, claim))
    refusal = f"cannot {missing.verb} resource {missing.resource!r}"
    try:
        await until(lambda: node.log.exists() and refusal in node.log.read_text(), refusal)
        assert not everything.done() or everything.exception()
    finally:
        everything.cancel()
        await asyncio.wait([everything])


def test_to_evict_is_allowed_only_where_that_is_wanted() -> None:
    assert allowed(evicting=True) - allowed() == {EVICT}


async def _all_that_needs_the_api_server(node: Node, claim: ClaimRef) -> None:
    """See each thing done that the plugin is allowed to do."""
    node.api.consumable_capacity = False
    await node.start()
    await until(lambda: node.events() != [], "an Event")
    node.api.consumable_capacity = True
    await until(lambda: len(slices(node)) == 1, "a slice")
    (published,) = slices(node)
    await _follow_changes_of_slices(node, published)
    await node.prepared(claim)
    await until(lambda: "devices" in node.api.store.get(RESOURCE_CLAIM, "team", "single")["status"], "its status")


async def _follow_changes_of_slices(node: Node, published: dict[str, Any]) -> None:
    """Have somebody else write slices, and wait until they are as the plugin wants them."""
    changed = published | {"spec": published["spec"] | {"devices": []}}
    node.api.store.replace(RESOURCE_SLICE, "", published["metadata"]["name"], changed)
    await until(lambda: all(len(each["spec"]["devices"]) == 2 for each in slices(node)), "the slice as it was")
    another = published | {"metadata": {"name": "another"}}
    node.api.store.create(RESOURCE_SLICE, "", another)
    await until(lambda: len(slices(node)) == 1, "no slice but one")
