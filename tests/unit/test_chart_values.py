"""The chart's values as its schema, its defaults, its README and the plugin know them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hami_dra.plugin.options import parse_options

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "deploy" / "chart" / "hami-dra-driver"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def leaves(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    """Each value by its path, an object of which the schema names no fields as one."""
    for name, value in values.items():
        known = schema["properties"][name]
        if "properties" in known:
            yield from leaves(value, known, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def test_schema_and_defaults_know_the_same_values() -> None:
    def named(schema: dict[str, Any], path: str = "") -> Iterator[str]:
        for name, known in schema["properties"].items():
            yield from named(known, f"{path}{name}.") if "properties" in known else [f"{path}{name}"]

    assert {path for path, _ in leaves(VALUES, SCHEMA)} == set(named(SCHEMA)) - {"global"}


def test_readme_has_each_value() -> None:
    readme = (REPOSITORY / "deploy" / "README.md").read_text()
    told = set(re.findall("`([a-zA-Z.]+)`", readme))
    assert {path for path, _ in leaves(VALUES, SCHEMA)} <= told


@pytest.mark.parametrize("value", ["memoryEnforcement", "onOveruse", "logLevel"])
def test_words_are_those_of_the_plugin(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    flag = "--" + re.sub("([A-Z])", r"-\1", value).lower()
    for word in SCHEMA["properties"][value]["enum"]:
        parse_options(["--node-name=n", f"{flag}={word}"], {})
    with pytest.raises(SystemExit):
        parse_options(["--node-name=n", f"{flag}=?"], {})
    (words,) = re.findall("'\\?' is none of (.*)", capsys.readouterr().err)
    assert words.split(", ") == SCHEMA["properties"][value]["enum"]
