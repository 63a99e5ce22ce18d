from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hami_dra.kube import Quantity, QuantityError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("30", 30),
        ("4294967296", 2**32),
        ("4Gi", 2**32),
        ("4096Mi", 2**32),
        ("1.5Gi", 3 * 2**29),
        (".5Ki", 512),
        ("5.", 5),
        ("1k", 1000),
        ("2M", 2_000_000),
        ("3G", 3_000_000_000),
        ("2000m", 2),
        ("1e3", 1000),
        ("25E-1", 3),
        ("7E", 7 * 10**18),
        ("+1", 1),
        ("-1Ki", -1024),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_parse(text: str, value: int) -> None:
    assert Quantity.parse(text) == value


@pytest.mark.parametrize(("text", "value"), [("1m", 1), ("1500m", 2), ("-1500m", -2), ("1n", 1), ("0.1Ki", 103)])
def test_fractions_count_as_the_next_larger_integer(text: str, value: int) -> None:
    assert Quantity.parse(text) == value


@pytest.mark.parametrize(
    "junk",
    [
        "",
        " ",
        "1 Gi",
        "Gi",
        "1gb",
        "1GB",
        "1g",
        "4gi",
        "1Gi ",
        "\n1",
        "1\n",
        "0x10",
        "1_000",
        "--1",
        "1e",
        "1e999999999",
        "nan",
        "inf",
        "1.2.3",
        ".",
        "٣",
        "1Mi1",
        "9223372036854775808",
        "9Ei",
        "1" * 31,
    ],
)
def test_junk_is_refused_with_its_text(junk: str) -> None:
    with pytest.raises(QuantityError, match="quantity") as error:
        Quantity.parse(junk)
    assert repr(junk) in str(error.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (100, "100"), (1000, "1000"), (2**20, "1Mi"), (3 * 2**29, "1536Mi"), (2**34, "16Gi"), (-1024, "-1Ki")],
)
def test_text_is_the_shortest_exact_one(value: int, text: str) -> None:
    assert str(Quantity(value)) == f"{Quantity(value)}" == text


@given(st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1))
def test_writing_and_reading_is_exact(value: int) -> None:
    assert Quantity.parse(str(Quantity(value))) == value


@given(st.text())
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    with suppress(QuantityError):
        assert abs(Quantity.parse(text)) < 2**63
