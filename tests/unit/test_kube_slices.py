from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hami_dra.kube import Device, DeviceTaint, Node, ObjectMeta, ResourceSlice
from hami_dra.kube.slices import LARGEST_SLICE, SliceChanges, plan_slices

NODE = Node(metadata=ObjectMeta(name="node-1", uid="uid-1"))
DRIVER = "gpu.example.com"


def devices(*names: str | int) -> list[Device]:
    return [Device(name=f"gpu-{name}") for name in names]


def applied(existing: list[ResourceSlice], changes: SliceChanges) -> list[ResourceSlice]:
    """What an API server holds after the changes."""
    by_name = {found.metadata.name: found for found in existing}
    for obsolete in changes.delete:
        del by_name[obsolete.metadata.name]
    for changed in changes.update:
        assert changed.metadata.name in by_name
        by_name[changed.metadata.name] = changed
    taken = {found.metadata.name for found in existing}
    for new in changes.create:
        name = next(name for name in (f"{new.metadata.generate_name}{n}" for n in range(100)) if name not in taken)
        taken.add(name)
        by_name[name] = replace(new, metadata=replace(new.metadata, name=name))
    return list(by_name.values())


def published(wanted: list[Device]) -> list[ResourceSlice]:
    return applied([], plan_slices(DRIVER, NODE, wanted, []))


def test_a_first_slice() -> None:
    (slice_,) = published(devices("a", "b"))
    assert slice_.metadata.generate_name == "gpu.example.com-node-1-"
    (owner,) = slice_.metadata.owner_references
    assert (owner.api_version, owner.kind, owner.name, owner.uid) == ("v1", "Node", "node-1", "uid-1")
    assert owner.controller
    assert (slice_.spec.driver, slice_.spec.node_name, slice_.spec.pool.name) == (DRIVER, "node-1", "node-1")
    assert (slice_.spec.pool.generation, slice_.spec.pool.resource_slice_count) == (1, 1)
    assert slice_.spec.devices == tuple(devices("a", "b"))


def test_many_devices_are_split_in_order_under_one_generation() -> None:
    wanted = devices(*range(300))
    slices = published(wanted)
    assert [len(slice_.spec.devices) for slice_ in slices] == [64, 64, 64, 64, 44]
    assert [device for slice_ in slices for device in slice_.spec.devices] == wanted
    assert {(s.spec.pool.generation, s.spec.pool.resource_slice_count) for s in slices} == {(1, 5)}


def test_nothing_changes_when_nothing_changed() -> None:
    for wanted in ([], devices("a"), devices(*range(300))):
        assert not plan_slices(DRIVER, NODE, wanted, published(wanted))


def test_a_change_in_one_slice_leaves_the_others_and_the_generation() -> None:
    wanted = devices(*range(300))
    existing = published(wanted)
    wanted[200] = replace(wanted[200], allow_multiple_allocations=True)
    changes = plan_slices(DRIVER, NODE, wanted, existing)
    assert [slice_.metadata.name for slice_ in changes.update] == [existing[3].metadata.name]
    assert changes.update[0].spec.pool.generation == 1
    assert (changes.delete, changes.create) == ((), ())


def test_a_device_that_goes_or_comes_changes_one_slice_and_moves_no_other() -> None:
    wanted = devices(*range(300))
    existing = published(wanted)
    gone = plan_slices(DRIVER, NODE, wanted[1:], existing)
    assert [slice_.metadata.name for slice_ in gone.update] == [existing[0].metadata.name]
    back = plan_slices(DRIVER, NODE, wanted, applied(existing, gone))
    assert [slice_.spec for slice_ in back.update] == [existing[0].spec]
    assert (gone.delete, gone.create, back.delete, back.create) == ((), (), (), ())


def test_taint_keeps_the_time_at_which_it_was_first_published() -> None:
    def tainted(value: str, hour: int) -> Device:
        taint = DeviceTaint("example.com/ill", "NoSchedule", value, datetime(2026, 1, 1, hour, tzinfo=UTC))
        return Device(name="gpu", taints=(taint,))

    existing = published([tainted("lost", 1)])
    assert not plan_slices(DRIVER, NODE, [tainted("lost", 2)], existing)
    (changed,) = plan_slices(DRIVER, NODE, [tainted("xid-79", 2)], existing).update
    assert changed.spec.devices == (tainted("xid-79", 2),)


def test_changes_in_several_slices_raise_the_generation_of_all() -> None:
    existing = published(devices(*range(300)))
    changes = plan_slices(DRIVER, NODE, devices(*range(1, 299)), existing)
    assert [slice_.spec.pool.generation for slice_ in changes.update] == [2, 2, 2, 2, 2]


def test_a_slice_that_vanished_is_made_anew_in_a_new_generation() -> None:
    existing = published(devices(*range(192)))
    changes = plan_slices(DRIVER, NODE, devices(*range(192)), [existing[0], existing[2]])
    assert [slice_.spec.devices[0].name for slice_ in changes.create] == ["gpu-64"]
    assert [slice_.spec.pool.generation for slice_ in (*changes.update, *changes.create)] == [2, 2, 2]


def test_fewer_slices_raise_the_generation_and_those_of_other_pools_go() -> None:
    (stray,) = published(devices("x"))
    stray = replace(
        stray, metadata=ObjectMeta(name="old"), spec=replace(stray.spec, pool=replace(stray.spec.pool, name="old"))
    )
    existing = published(devices(*range(100)))
    changes = plan_slices(DRIVER, NODE, devices(*range(64)), [stray, *existing])
    assert [slice_.metadata.name for slice_ in changes.delete] == [existing[1].metadata.name, "old"]
    (kept,) = changes.update
    assert (kept.spec.pool.generation, kept.spec.pool.resource_slice_count) == (2, 1)


def test_another_node_object_of_the_same_name_becomes_the_owner() -> None:
    node = replace(NODE, metadata=replace(NODE.metadata, uid="uid-2"))
    (changed,) = plan_slices(DRIVER, node, devices("a"), published(devices("a"))).update
    assert [owner.uid for owner in changed.metadata.owner_references] == ["uid-2"]


names = st.lists(st.integers(0, 400), unique=True, max_size=400)


@given(names, names, st.data())
def test_whatever_was_there_the_pool_ends_complete_and_right(
    before: list[int], after: list[int], data: st.DataObject
) -> None:
    existing = published(devices(*before))
    lost = data.draw(st.sets(st.sampled_from(range(len(existing))))) if existing else set()
    remaining = [slice_ for index, slice_ in enumerate(existing) if index not in lost]
    wanted = devices(*after)
    slices = applied(remaining, plan_slices(DRIVER, NODE, wanted, remaining))
    assert sorted(d.name for s in slices for d in s.spec.devices) == sorted(d.name for d in wanted)
    assert all(len(slice_.spec.devices) <= LARGEST_SLICE for slice_ in slices)
    assert {slice_.spec.pool.resource_slice_count for slice_ in slices} <= {len(slices)}
    assert len({slice_.spec.pool.generation for slice_ in slices}) <= 1
    assert not plan_slices(DRIVER, NODE, wanted, slices)
