from collections.abc import Sequence
from typing import Any, Literal

import pytest

from hami_dra.kube import DeviceAllocationConfiguration, OpaqueDeviceConfiguration
from hami_dra.kubeletplugin import ClaimError
from hami_dra.plugin.share_config import ShareConfig, effective, read_configs

DRIVER = "hami-core-gpu.project-hami.io"
HEADER = {"apiVersion": "hami.project-hami.io/v1alpha1", "kind": "ShareConfig"}


def config(
    source: Literal["FromClass", "FromClaim"], *requests: str, driver: str = DRIVER, **parameters: Any
) -> DeviceAllocationConfiguration:
    opaque = OpaqueDeviceConfiguration(driver=driver, parameters=HEADER | parameters)
    return DeviceAllocationConfiguration(source=source, requests=requests, opaque=opaque)


def log_level(request: str, *configs: DeviceAllocationConfiguration) -> int | None:
    return effective(read_configs(configs), request).log_level


def test_without_any_the_library_decides() -> None:
    assert log_level("gpu") is None


CLASS, CLAIM = config("FromClass", logLevel=1), config("FromClaim", logLevel=2)


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([CLASS], 1),
        ([CLASS, CLAIM], 2),
        ([CLAIM, CLASS], 2),
        ([CLAIM, config("FromClaim", logLevel=3)], 3),
        ([config("FromClaim", logLevel=3), CLAIM], 2),
        ([CLASS, config("FromClaim")], 1),
        ([CLASS, config("FromClaim", logLevel=None)], 1),
    ],
)
def test_claims_outweigh_classes_and_later_ones_earlier_ones(
    configs: Sequence[DeviceAllocationConfiguration], expected: int
) -> None:
    assert log_level("gpu", *configs) == expected


def test_each_field_has_its_weightiest_value() -> None:
    told = effective(
        read_configs(
            [
                config("FromClass", computePolicy="off", priority="high", logLevel=1),
                config("FromClaim", computePolicy="work-conserving"),
                config("FromClaim", priority=None, logLevel=0),
            ]
        ),
        "gpu",
    )
    assert told == ShareConfig(compute_policy="work-conserving", priority="high", log_level=0)


@pytest.mark.parametrize(
    ("named", "request_name", "holds"),
    [
        ((), "main/sub", True),
        (("main",), "main", True),
        (("main",), "main/sub", True),
        (("main/sub",), "main/sub", True),
        (("main/sub",), "main/other", False),
        (("main/sub",), "main", False),
        (("sub",), "main/sub", False),
        (("other", "main"), "main", True),
    ],
)
def test_configuration_holds_for_the_requests_that_it_names(
    named: Sequence[str], request_name: str, holds: bool
) -> None:
    assert log_level(request_name, config("FromClaim", *named, logLevel=4)) == (4 if holds else None)


def test_configuration_of_other_drivers_is_passed_over() -> None:
    foreign = config("FromClaim", driver="net.example.com", kind="NetConfig", mtu="large")
    assert log_level("gpu", foreign, CLASS, DeviceAllocationConfiguration(source="FromClaim")) == 1


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"loglevel": 3}, "parameters.loglevel: a ShareConfig has no such field"),
        ({"logLevel": "3"}, "parameters.logLevel: must be an integer from 0 to 4, not '3'"),
        ({"logLevel": True}, "parameters.logLevel: must be an integer from 0 to 4, not True"),
        ({"logLevel": 5}, "parameters.logLevel: must be an integer from 0 to 4, not 5"),
        ({"logLevel": -1}, "parameters.logLevel: must be an integer from 0 to 4, not -1"),
        ({"computePolicy": "soft"}, "parameters.computePolicy: must be hard or off or work-conserving, not 'soft'"),
        ({"computePolicy": "x - at `$.y`"}, "parameters.computePolicy: must be hard or off or work-conserving, not 'x"),
        ({"computePolicy": "a'\nb"}, "parameters.computePolicy: must be hard or off or work-conserving, not \"a'\\nb"),
        ({"computePolicy": ["hard"]}, "parameters.computePolicy: must be hard or off or work-conserving, not ['hard']"),
        ({"priority": 0}, "parameters.priority: must be high or low, not 0"),
        ({"priority": "HIGH"}, "parameters.priority: must be high or low, not 'HIGH'"),
        ({"memoryEnforcement": "none"}, "parameters.memoryEnforcement: must be auto or driver or library, not 'none'"),
        ({"x` - at `$.priority": 1}, "parameters.x` - at `$.priority: a ShareConfig has no such field"),
        ({"kind": "GpuConfig"}, "parameters.kind: must be ShareConfig, not 'GpuConfig'"),
        ({"kind": None}, "parameters.kind: must be ShareConfig, not None"),
        ({"apiVersion": "v2"}, "parameters.apiVersion: must be hami.project-hami.io/v1alpha1, not 'v2'"),
        ({"apiVersion": ["x"]}, "parameters.apiVersion: must be hami.project-hami.io/v1alpha1, not ['x']"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_path(parameters: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClaimError) as error:
        read_configs([CLASS, config("FromClaim", "another-request", **parameters)])
    assert str(error.value).startswith(f"status.allocation.devices.config[1].opaque.{reason}")


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("FromClaim", "; a claim never changes: correct what it is made from, and delete it with its pod"),
        ("FromClass", "; correct the DeviceClass and delete the pod, so that its claim is allocated anew"),
    ],
)
def test_refusal_says_what_to_do(source: Literal["FromClaim", "FromClass"], advice: str) -> None:
    with pytest.raises(ClaimError) as error:
        read_configs([config(source, logLevel=5)])
    assert str(error.value).endswith(f"must be an integer from 0 to 4, not 5{advice}")
