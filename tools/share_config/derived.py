"""The files that are derived from `ShareConfig`."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from .checks import checks
from .schema import json_schema

_REPOSITORY = Path(__file__).parents[2]


def _schema_file() -> str:
    return json.dumps(json_schema(), indent=2) + "\n"


def _checks_file() -> str:
    return "# Derived from the type ShareConfig: `make share-config` writes it.\n" + yaml.safe_dump(
        checks(json_schema()), sort_keys=False, width=120
    )


DERIVED: Mapping[Path, Callable[[], str]] = {
    _REPOSITORY / "docs" / "share-config.schema.json": _schema_file,
    _REPOSITORY / "deploy" / "chart" / "hami-dra-driver" / "files" / "share-config-checks.yaml": _checks_file,
}
