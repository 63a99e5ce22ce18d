from dataclasses import replace

import pytest

from hami_dra.gpu import Diagnosis, Reading
from hami_dra.gpu.xids import XidKind, xid

WELL = Reading("GPU-0", uncorrected_errors=0, remap_pending=False, remap_failed=False, recovery_action=0)
OLD = Reading("GPU-0")
"""What a GPU tells whose driver knows of nothing but whether it is there."""


def found(diagnosis: Diagnosis) -> list[tuple[str, bool]]:
    return [(finding.cause, finding.is_usable) for finding in diagnosis.findings["GPU-0"]]


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (WELL, []),
        (OLD, []),
        (replace(OLD, is_lost=True), [("lost", False)]),
        (replace(OLD, is_hung=True), [("hung", False)]),
        (replace(WELL, remap_pending=True), [("row-remap-pending", True)]),
        (replace(WELL, remap_failed=True), [("row-remap-failed", False)]),
        (replace(WELL, recovery_action=2), [("recovery-action-2", False)]),
        (replace(WELL, recovery_action=9), [("recovery-action-9", False)]),
        (replace(WELL, uncorrected_errors=3), [("ecc-uncorrected", True)]),
        (replace(OLD, uncorrected_errors=3), [("ecc-uncorrected", False)]),
        (
            replace(WELL, remap_pending=True, recovery_action=1),
            [("recovery-action-1", False), ("row-remap-pending", True)],
        ),
    ],
)
def test_a_state_is_wrong_as_long_as_it_lasts(reading: Reading, expected: list[tuple[str, bool]]) -> None:
    diagnosis = Diagnosis()
    assert diagnosis.update([reading], now=0) == ()
    assert found(diagnosis) == expected
    diagnosis.update([WELL], now=1)
    assert found(diagnosis) == []


def test_what_any_tenant_can_bring_about_is_nothing() -> None:
    diagnosis = Diagnosis()
    assert diagnosis.update([replace(WELL, xids=(13, 31, 43, 45))], now=0) == ()
    assert found(diagnosis) == []


def test_notice_is_news_and_not_a_state() -> None:
    diagnosis = Diagnosis()
    ((uuid, news),) = diagnosis.update([replace(WELL, xids=(63,))], now=0)
    assert (uuid, news.cause, news.is_usable) == ("GPU-0", "xid-63", True)
    assert found(diagnosis) == []


def test_xid_stays_until_the_driver_has_had_time_to_want_something() -> None:
    diagnosis = Diagnosis()
    diagnosis.update([replace(WELL, xids=(95,))], now=0)
    diagnosis.update([], now=4)
    assert found(diagnosis) == [("xid-95", False)]
    diagnosis.update([], now=5)
    assert found(diagnosis) == []


def test_xid_stays_as_long_as_the_driver_wants_something() -> None:
    diagnosis = Diagnosis()
    diagnosis.update([replace(WELL, recovery_action=1, xids=(95,))], now=0)
    diagnosis.update([], now=1000)
    assert found(diagnosis) == [("xid-95", False), ("recovery-action-1", False)]
    diagnosis.update([WELL], now=1001)
    assert found(diagnosis) == []


def test_xid_of_a_driver_that_never_says_what_it_wants_stays_until_the_gpu_was_away() -> None:
    diagnosis = Diagnosis()
    diagnosis.update([replace(OLD, xids=(79,))], now=0)
    diagnosis.update([OLD], now=1000)
    assert found(diagnosis) == [("xid-79", False)]
    diagnosis.update([replace(OLD, is_lost=True)], now=1001)
    assert found(diagnosis) == [("lost", False), ("xid-79", False)]
    diagnosis.update([OLD], now=1002)
    assert found(diagnosis) == []


def test_what_is_wrong_with_one_gpu_is_not_with_another() -> None:
    diagnosis = Diagnosis()
    diagnosis.update([replace(OLD, xids=(48,)), Reading("GPU-1")], now=0)
    assert diagnosis.findings["GPU-1"] == ()


# By the column "Resolution Bucket (Immediate Action)" of NVIDIA's catalogue.
RESTART_APP = (
    *(8, 11, 13, 25, 31, 32, 39, 40, 41, 60, 68, 69, 70, 71, 72, 75, 76, 77, 80, 82, 83, 84, 85, 86, 88, 89, 94),
    *(*range(96, 106), *range(126, 136), 139),
)
IGNORE = (14, 37, 38, 63, 66, 67, 92, 93, 106, 107, 108, 121, 137, 141, 152, 153, 157, 160, 161)
RESET_OR_RESTART = (46, 62, 64, 79, 95, 109, 110, 119, 120, 136, 140, 143, 151, 155, 156, 158)


def test_xids_are_what_the_catalogue_says() -> None:
    for numbers, kind in (
        (RESTART_APP, XidKind.APPLICATION),
        (IGNORE, XidKind.NOTICE),
        (RESET_OR_RESTART, XidKind.UNUSABLE),
    ):
        assert {number: xid(number).kind for number in numbers} == dict.fromkeys(numbers, kind)


def test_xids_that_the_catalogue_tells_more_of() -> None:
    for number in (43, 44, 45):  # IGNORE too, and programs' doing
        assert xid(number).kind is XidKind.APPLICATION
    for number in (74, *range(144, 151), 154):  # the driver's own word says whether the GPU can be used
        assert xid(number).kind is XidKind.NOTICE
    assert xid(48).kind is XidKind.UNUSABLE  # "A GPU reset or node reboot is needed to clear this error."


def test_unknown_xid_is_taken_for_the_worst() -> None:
    assert xid(999).kind is XidKind.UNUSABLE
