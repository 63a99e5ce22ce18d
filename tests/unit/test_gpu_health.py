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


@pytest.mark.parametrize(
    ("number", "kind"),
    [(31, XidKind.APPLICATION), (94, XidKind.APPLICATION), (63, XidKind.NOTICE), (79, XidKind.UNUSABLE)],
)
def test_xids_are_what_the_catalogue_says(number: int, kind: XidKind) -> None:
    assert xid(number).kind is kind


def test_unknown_xid_is_taken_for_the_worst() -> None:
    assert xid(999).kind is XidKind.UNUSABLE
