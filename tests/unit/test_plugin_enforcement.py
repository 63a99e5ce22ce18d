import pytest

from hami_dra.gpu import Gpu
from hami_dra.kubeletplugin import ClaimError
from hami_dra.plugin.enforcement import Wanted, enforcement_of

ABLE = Gpu(uuid="GPU-0", minor=0, memory_bytes=2**34, limit_obstacle="")
UNABLE = Gpu(uuid="GPU-1", minor=1, memory_bytes=2**34, limit_obstacle="this driver is too old")


@pytest.mark.parametrize(
    ("gpu", "by_node", "by_claim", "expected"),
    [
        (ABLE, "auto", None, "driver"),
        (ABLE, "auto", "auto", "driver"),
        (ABLE, "auto", "driver", "driver"),
        (ABLE, "auto", "library", "library"),
        (ABLE, "driver", None, "driver"),
        (ABLE, "driver", "auto", "driver"),
        (ABLE, "library", "auto", "library"),
        (UNABLE, "auto", None, "library"),
        (UNABLE, "auto", "auto", "library"),
        (UNABLE, "auto", "library", "library"),
        (UNABLE, "library", None, "library"),
    ],
)
def test_driver_is_taken_where_it_can_be_had_and_is_not_unwanted(
    gpu: Gpu, by_node: Wanted, by_claim: Wanted | None, expected: str
) -> None:
    assert enforcement_of(gpu, by_node, by_claim) == expected


@pytest.mark.parametrize(
    ("gpu", "by_node", "by_claim", "reason"),
    [
        (UNABLE, "auto", "driver", "parameters say memoryEnforcement driver: this driver is too old"),
        (UNABLE, "library", "driver", "parameters say memoryEnforcement driver: this driver is too old"),
        (UNABLE, "driver", None, "this node requires it: this driver is too old"),
        (UNABLE, "driver", "auto", "this node requires it: this driver is too old"),
        (ABLE, "driver", "library", "this node requires driver"),
        (UNABLE, "driver", "library", "this node requires driver"),
    ],
)
def test_what_is_required_and_cannot_be_had_is_refused(
    gpu: Gpu, by_node: Wanted, by_claim: Wanted | None, reason: str
) -> None:
    with pytest.raises(ClaimError, match=reason):
        enforcement_of(gpu, by_node, by_claim)
