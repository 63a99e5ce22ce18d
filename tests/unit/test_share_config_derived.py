"""What is derived from the type ShareConfig is what the repository has: else `make share-config`."""

from pathlib import Path

import pytest

from hami_dra.kube import DeviceAllocationConfiguration, OpaqueDeviceConfiguration
from hami_dra.kubeletplugin import ClaimError
from hami_dra.plugin.share_config import API_VERSION, KIND, read_configs
from hami_dra.shares import DRIVER_NAME
from tools.share_config.checks import checks
from tools.share_config.derived import DERIVED
from tools.share_config.schema import json_schema


@pytest.mark.parametrize("path", DERIVED, ids=lambda path: path.name)
def test_is_up_to_date(path: Path) -> None:
    assert path.read_text() == DERIVED[path]()


@pytest.mark.parametrize("field", json_schema()["properties"])
def test_plugin_refuses_in_the_words_of_the_policies(field: str) -> None:
    parameters = {"apiVersion": API_VERSION, "kind": KIND, field: {}}
    opaque = OpaqueDeviceConfiguration(driver=DRIVER_NAME, parameters=parameters)
    with pytest.raises(ClaimError) as error:
        read_configs([DeviceAllocationConfiguration(source="FromClaim", opaque=opaque)])
    refusal, _, _ = str(error.value).partition(", not {}")
    words = refusal.removeprefix("status.allocation.devices.config[0].opaque.parameters")
    assert any(f'string(c.path) + "{words}"' in each["messageExpression"] for each in checks(json_schema()))
