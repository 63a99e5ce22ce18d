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
        ({"logLevel": "3"}, "parameters.logLevel: Expected `int | null`, got `str`"),
        ({"logLevel": True}, "parameters.logLevel: Expected `int | null`, got `bool`"),
        ({"logLevel": 5}, "parameters.logLevel: Expected `int` <= 4"),
        ({"computePolicy": "soft"}, "parameters.computePolicy: Expected hard or off or work-conserving, got 'soft'"),
        (
            {"computePolicy": "x - at `$.y`"},
            "parameters.computePolicy: Expected hard or off or work-conserving, got 'x",
        ),
        ({"computePolicy": "a'\nb"}, "parameters.computePolicy: Expected hard or off or work-conserving, got \"a'\\nb"),
        ({"computePolicy": ["hard"]}, "parameters.computePolicy: Expected `str | null`, got `array`"),
        ({"priority": 0}, "parameters.priority: Expected `str | null`, got `int`"),
        ({"priority": "HIGH"}, "parameters.priority: Expected high or low, got 'HIGH'"),
        ({"memoryEnforcement": "none"}, "parameters.memoryEnforcement: Expected auto or driver or library, got 'none'"),
        ({"logLevel": -1}, "parameters.logLevel: Expected `int` >= 0"),
        ({"kind": "GpuConfig"}, "parameters.kind is 'GpuConfig'; hami-core-gpu.project-hami.io knows only ShareConfig"),
        ({"kind": None}, "parameters.kind is None"),
        ({"apiVersion": "hami.project-hami.io/v2"}, "parameters.apiVersion is 'hami.project-hami.io/v2'"),
        ({"apiVersion": ["x"]}, "parameters.apiVersion is ['x']"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_path(parameters: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClaimError) as error:
        read_configs([CLASS, config("FromClaim", "another-request", **parameters)])
    assert str(error.value).startswith(f"status.allocation.devices.config[1].opaque.{reason}")
