from msgspec import structs

from tests.integration.test_plugin.node import Node, share, until


async def test_start_sweeps_what_no_claim_accounts_for(idle_node: Node) -> None:
    node = idle_node
    await node.start()
    kept = await node.claim("kept", share("gpu", 0))
    deleted = await node.claim("deleted", share("gpu", 0))
    replaced = await node.claim("replaced", share("gpu", 0))
    deallocated = await node.claim("deallocated", share("gpu", 0))
    moved = await node.claim("moved", share("gpu", 0))
    gone = [deleted, replaced, deallocated, moved]
    for claim in (kept, *gone):
        await node.prepared(claim)
    files = node.files(kept)
    await node.stop()
    for claim in (deleted, replaced):
        await node.kube.delete_claim(claim.namespace, claim.name)
    await node.claim("replaced", share("gpu", 0))
    await node.allocate(await node.kube.get_claim("team", "deallocated"))
    await node.allocate(await node.kube.get_claim("team", "moved"), structs.replace(share("gpu", 0), pool="node-2"))
    unfinished = node.shares_dir / f".{moved.uid}-half-made"
    unfinished.mkdir()
    stray = node.cdi_dir / node.spec_path(kept).name.replace(kept.uid, "0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10")
    stray.write_text("{}")
    await node.start()
    await until(lambda: not any(node.files(claim) for claim in gone) and not stray.exists(), "the sweep")
    assert node.files(kept) == files


async def test_files_stay_while_the_api_server_does_not_answer(idle_node: Node) -> None:
    node = idle_node
    await node.start()
    claim = await node.claim("single", share("gpu", 0))
    await node.prepared(claim)
    files = node.files(claim)
    await node.stop()
    await node.api.__aexit__()
    await node.start()
    await until(lambda: f"claim {claim.uid} stays for now" in node.log.read_text(), "the sweep")
    assert node.files(claim) == files


async def test_whose_folder_cannot_be_told_stays_while_a_container_could_use_it(idle_node: Node) -> None:
    node = idle_node
    await node.start()
    claim = await node.claim("single", share("gpu", 0))
    lost = await node.claim("lost", share("gpu", 0))
    for each in (claim, lost):
        await node.prepared(each)
        (path,) = (path for path in node.files(each) if path.name == "share.json")
        path.unlink()
    await node.stop()
    node.spec_path(lost).unlink()
    await node.start()
    await until(lambda: node.files(lost) == [], "the sweep")
    assert node.spec_path(claim).exists()


async def test_old_version_goes_with_the_last_claim_that_uses_it(idle_node: Node) -> None:
    node = idle_node
    await node.start()
    claim = await node.claim("single", share("gpu", 0))
    await node.prepared(claim)
    await node.stop()
    (current,) = node.install_dir.iterdir()
    old, unused = node.install_dir / ("0" * 16), node.install_dir / ("1" * 16)
    current.rename(old)
    unused.mkdir()
    node.spec_path(claim).write_text(node.spec_path(claim).read_text().replace(current.name, old.name))
    await node.start()
    await until(lambda: {path.name for path in node.install_dir.iterdir()} == {old.name, current.name}, "the sweep")
    await node.kube.delete_claim(claim.namespace, claim.name)
    await node.stop()
    await node.start()
    await until(lambda: [path.name for path in node.install_dir.iterdir()] == [current.name], "the sweep")
