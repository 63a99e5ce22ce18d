"""What all tests run on: a build of native/, installed or with a sanitizer, and the signals of a terminal."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hami_dra import native
from tests.native.sanitizers import SANITIZERS, Sanitizer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sanitizer", choices=SANITIZERS, help="run on the build of native/ with this sanitizer")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "not_sanitized(reason): cannot run on a build with a sanitizer")
    # A shell has what it starts with `&` ignore it, and all that tests start would: none would end at Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sanitizer = _sanitizer(config)
    if sanitizer is not None:
        native._LIB = sanitizer.folder / "lib"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _sanitizer(config) is None:
        return
    for item in items:
        marker = item.get_closest_marker("not_sanitized")
        if marker is not None:
            item.add_marker(pytest.mark.skip(reason=f"not on a build with a sanitizer: {marker.kwargs['reason']}"))


def _sanitizer(config: pytest.Config) -> Sanitizer | None:
    return SANITIZERS.get(config.getoption("--sanitizer"))


@pytest.fixture(scope="session")
def sanitizer(pytestconfig: pytest.Config) -> Sanitizer | None:
    """The sanitizer of the build that is tested."""
    return _sanitizer(pytestconfig)


@pytest.fixture(autouse=True)
def sanitizer_reports(
    sanitizer: Sanitizer | None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path | None]:
    """The folder of errors that sanitizers have found in the test's processes: any there in the end fails the test."""
    if sanitizer is None:
        yield None
        return
    folder = tmp_path_factory.mktemp("sanitizer")
    for name, value in sanitizer.environment(folder).items():
        monkeypatch.setenv(name, value)
    reports = folder / "reports"
    yield reports
    found = [report.read_text(errors="replace") for report in sorted(reports.iterdir())]
    assert not found, "\n".join(found)
