from msgspec.structs import replace

from hami_dra.gpu import Finding
from hami_dra.kube import Device
from hami_dra.plugin.taints import NOTICE, UNUSABLE, offers, taints_of

LOST = Finding("lost", False, "what", "advice")
WORN = Finding("row-remap-pending", True, "what", "advice")
WELL = Device(name="well")
ILL = Device(name="ill", taints=taints_of([LOST, WORN]))
TOLD = Device(name="told", taints=taints_of([WORN]))


def test_a_taint_for_what_keeps_claims_off_and_one_for_what_only_tells() -> None:
    assert [(taint.key, taint.effect, taint.value) for taint in taints_of([LOST, replace_cause(LOST), WORN])] == [
        (UNUSABLE, "NoSchedule", "lost"),
        (NOTICE, "None", "row-remap-pending"),
    ]
    assert all(taint.time_added and taint.time_added.microsecond == 0 for taint in taints_of([LOST]))
    assert taints_of([]) == ()


def replace_cause(finding: Finding) -> Finding:
    return Finding("xid-79", finding.is_usable, finding.what, finding.advice)


def test_where_nothing_is_wrong_there_is_one_offer() -> None:
    assert list(offers([WELL], lambda _: False)) == [(WELL,)]


def test_without_the_effect_none_only_what_keeps_off_is_left() -> None:
    assert list(offers([WELL, TOLD], lambda _: False)) == [(WELL, TOLD), (WELL, replace(TOLD, taints=()))]


def test_without_taints_unusable_devices_that_nobody_uses_are_held_back() -> None:
    for in_use, names in ((False, ["well", "told"]), (True, ["well", "ill", "told"])):
        *_, last = offers([WELL, ILL, TOLD], lambda _, in_use=in_use: in_use)  # type: ignore[misc]
        assert [device.name for device in last] == names
        assert not any(device.taints for device in last)
