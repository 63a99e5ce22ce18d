"""The JSON schema of the parameters of a share."""

from typing import Any

import msgspec

from hami_dra.plugin.share_config import API_VERSION, KIND, ShareConfig


def json_schema() -> dict[str, Any]:
    """What `opaque.parameters` may be: the header that says what they are, and the fields of ShareConfig."""
    (fields,) = msgspec.json.schema_components([ShareConfig])[1].values()
    header = {"apiVersion": {"const": API_VERSION}, "kind": {"const": KIND}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": KIND,
        "type": "object",
        "properties": header | fields["properties"],
        "required": [*header, *fields["required"]],
        "additionalProperties": False,
    }
