"""The JSON schema of ShareConfig as the validations of a ValidatingAdmissionPolicy.

They are expressions in CEL over `variables.ours`, a list of what is given to this driver: each has `said`, the
parameters, and `path`, where they stand in the object. A message begins with the path of the first field that is wrong.
"""

import json
from collections.abc import Mapping
from typing import Any


def checks(schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """The validations, the header's first: whoever wrote another kind does not want to know of fields."""
    properties: Mapping[str, Mapping[str, Any]] = schema["properties"]
    header = [_of_field(name, each) for name, each in properties.items() if "const" in each]
    fields = [_of_field(name, each) for name, each in properties.items() if "const" not in each]
    return [*header, _of_unknown_fields(list(properties), schema["title"]), *fields]


def _of_field(name: str, schema: Mapping[str, Any]) -> dict[str, str]:
    value = f"c.said.{name}"
    if "const" in schema:
        wrong, wanted = f"!has({value}) || {value} != {_text(schema['const'])}", f"must be {schema['const']}"
    else:
        (kind,) = (each for each in schema["anyOf"] if each.get("type") != "null")
        right, wanted = _of_words(value, kind["enum"]) if "enum" in kind else _of_integer(value, kind)
        wrong = f"has({value}) && {value} != null && !({right})"
    return _validation(wrong, f"string(c.path) + {_text(f'.{name}: {wanted}')}")


def _of_words(value: str, words: list[str]) -> tuple[str, str]:
    """When a value is right, and what it must be."""
    return f"{value} in {json.dumps(words)}", f"must be {' or '.join(words)}"


def _of_integer(value: str, schema: Mapping[str, Any]) -> tuple[str, str]:
    least, most = schema["minimum"], schema["maximum"]
    right = f"type({value}) == int && {value} >= {least} && {value} <= {most}"
    return right, f"must be an integer from {least} to {most}"


def _of_unknown_fields(known: list[str], title: str) -> dict[str, str]:
    unknown = f"c.said.filter(f, !(f in {json.dumps(known)}))"
    message = f'string(c.path) + "." + string({unknown}[0]) + {_text(f": a {title} has no such field")}'
    return _validation(f"{unknown}.size() > 0", message)


def _validation(wrong: str, message: str) -> dict[str, str]:
    """`wrong` tells whether a configuration `c` is, `message` what is said then."""
    return {
        "expression": f"!variables.ours.exists(c, {wrong})",
        "messageExpression": f"variables.ours.filter(c, {wrong}).map(c, {message})[0]",
        "reason": "Invalid",
    }


def _text(text: str) -> str:
    """A string literal of CEL, which JSON's are too."""
    return json.dumps(text)
