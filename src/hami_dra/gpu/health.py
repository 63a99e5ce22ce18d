"""What is wrong with GPUs, computed from what NVML tells of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hami_dra.nvml.reading import Reading

from .xids import XidKind, xid

_SETTLE_SECONDS = 5.0
"""How long after an XID the driver is given to say that the GPU needs a reset, before its "nothing" is believed."""

_RESET = (
    "no new claims are given this GPU. Drain the pods that use it, stop this driver's pod on the node, which has the "
    "GPU open, and run `nvidia-smi --gpu-reset`; restart the node where that does not help"
)
_RESTART = "no new claims are given this GPU. Drain the node and restart it; replace the GPU if it stays away"
_REPLACE = "no new claims are given this GPU. Drain the pods that use it and have the GPU replaced"
_WATCH = "nothing needs to be done now"
_RESET_SOME_TIME = "the GPU works on; reset it when it is idle, `nvidia-smi --gpu-reset`"

_ACTIONS = {
    1: ("the driver wants the GPU reset", _RESET),
    2: ("the driver wants the node restarted", _RESTART),
    3: ("the driver wants peer-to-peer traffic of the GPU drained", _RESET),
    4: ("the driver wants the GPU drained and reset", _RESET),
    5: ("the driver wants the IMEX domain recovered", _RESTART),
    6: ("the driver wants the GPU's PCIe bus reset", _RESTART),
    7: ("the driver wants the system restarted", _RESTART),
}
"""By the values of NVML's nvmlDeviceGpuRecoveryAction_t, 0 of which is none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a GPU: `cause` is a short name such as `xid-79`."""

    cause: str
    is_usable: bool
    what: str
    advice: str


class Diagnosis:
    """What is known to be wrong with each GPU, which readings add to and take from.

    What NVML shows as a state is wrong as long as it shows it. An XID is an event, so that of an unusable GPU stays
    until there is a sign that the GPU was reset: the driver, where it says what needs to be done, says nothing any
    more, or the GPU was lost and is back.
    """

    def __init__(self) -> None:
        self._readings: dict[str, Reading] = {}
        self._xids: dict[str, dict[int, float]] = {}

    def update(self, readings: Iterable[Reading], now: float) -> tuple[tuple[str, Finding], ...]:
        """Take readings in, made at `now` (monotonic seconds); return what they have of mere news, by GPU."""
        news = []
        for reading in readings:
            before = self._readings.get(reading.uuid)
            if before and before.is_lost and reading.is_there:
                self._xids.pop(reading.uuid, None)
            for number in reading.xids:
                match xid(number).kind:
                    case XidKind.UNUSABLE:
                        self._xids.setdefault(reading.uuid, {})[number] = now
                    case XidKind.NOTICE:
                        news.append((reading.uuid, _xid_finding(number)))
            if before and before.recovery_action and reading.recovery_action == 0:
                self._xids.pop(reading.uuid, None)
            self._readings[reading.uuid] = reading
        self._settle(now)
        return tuple(news)

    def _settle(self, now: float) -> None:
        """Forget XIDs after which the driver does not want anything done."""
        for uuid, numbers in self._xids.items():
            if self._readings[uuid].recovery_action == 0:
                for number in [number for number, seen in numbers.items() if now - seen >= _SETTLE_SECONDS]:
                    del numbers[number]

    @property
    def findings(self) -> Mapping[str, tuple[Finding, ...]]:
        """What is wrong with each GPU that was read, by UUID; the worst first."""
        return {
            uuid: tuple(
                sorted(
                    (*map(_xid_finding, self._xids.get(uuid, ())), *_of_state(reading)),
                    key=lambda finding: (finding.is_usable, finding.cause != "lost"),
                )
            )
            for uuid, reading in self._readings.items()
        }


def _xid_finding(number: int) -> Finding:
    known = xid(number)
    is_usable = known.kind is not XidKind.UNUSABLE
    advice = _WATCH if is_usable else _RESTART if number == 79 else _RESET
    return Finding(f"xid-{number}", is_usable, f"XID {number}: {known.meaning}", advice)


def _of_state(reading: Reading) -> Iterator[Finding]:
    if reading.is_lost:
        yield Finding("lost", False, "the GPU is lost: the driver cannot reach it", _RESTART)
    if reading.is_hung:
        yield Finding("hung", False, "the GPU hangs: NVML waits for it, and so do programs", _RESET)
    if reading.recovery_action:
        what, advice = _ACTIONS.get(
            reading.recovery_action, (f"the driver wants recovery action {reading.recovery_action}", _RESTART)
        )
        yield Finding(f"recovery-action-{reading.recovery_action}", False, what, advice)
    if reading.remap_failed:
        yield Finding("row-remap-failed", False, "a damaged row of memory could not be replaced", _REPLACE)
    if reading.remap_pending:
        yield Finding(
            "row-remap-pending", True, "a damaged row of memory is replaced at the next reset", _RESET_SOME_TIME
        )
    if reading.uncorrected_errors:
        # Where rows can be remapped errors are contained: only the program that had the memory was hit.
        contained = reading.remap_failed is not None
        what = f"{reading.uncorrected_errors} uncorrectable memory errors since the driver was loaded"
        yield Finding("ecc-uncorrected", contained, what, _RESET_SOME_TIME if contained else _RESET)
