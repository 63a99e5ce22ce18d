import logging
from pathlib import Path

import pytest

from hami_dra.plugin.options import parse_options


def test_defaults_are_a_real_nodes_folders() -> None:
    options = parse_options(["--node-name", "node-1"], {})
    assert options.driver_root == options.host_driver_root == Path("/")
    assert options.cdi_dir == Path("/var/run/cdi")
    assert options.shares_dir == Path("/run/hami-dra/shares")
    assert options.plugin_dir == Path("/var/lib/kubelet/plugins/hami-core-gpu.project-hami.io")
    assert options.metrics_address == ("", 9400)
    assert options.log_level == logging.INFO
    assert options.tenants is None


def test_flag_beats_its_variable_and_that_beats_the_default() -> None:
    environment = {"NODE_NAME": "from-pod", "HAMI_DRA_CDI_DIR": "/from/environment", "HAMI_DRA_DRIVER_ROOT": "/driver"}
    options = parse_options(["--cdi-dir", "/from/flag", "--metrics-address", "[::1]:0", "--tenants", "4"], environment)
    assert options.node_name == "from-pod"
    assert options.cdi_dir == Path("/from/flag")
    assert options.host_driver_root == Path("/driver")
    assert options.metrics_address == ("::1", 0)
    assert options.tenants == 4
    assert (options.memory_enforcement, options.on_overuse) == ("auto", "report")
    assert options.pod_uid is None
    assert parse_options([], environment | {"POD_UID": "from-pod"}).pod_uid == "from-pod"
    assert parse_options([], environment | {"HAMI_DRA_NODE_NAME": "ours"}).node_name == "ours"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--node-name is missing"),
        (["--node-name", "n", "--metrics-address", "9400"], "'9400' is not HOST:PORT"),
        (["--node-name", "n", "--metrics-address", "host:99999"], "is not HOST:PORT"),
        (["--node-name", "n", "--tenants", "0"], "'0' is not a number from 1 on"),
        (["--node-name", "n", "--tenants", "few"], "'few' is not a number from 1 on"),
        (["--node-name", "n", "--log-level", "chatty"], "'chatty' is none of debug"),
        (["--node-name", "n", "--memory-enforcement", "both"], "'both' is none of auto, driver, library"),
        (["--node-name", "n", "--on-overuse", "kill"], "'kill' is none of report, evict"),
        (["--node-name", "n", "--api-server", "http://a", "--kubeconfig", "/k"], "exclude each other"),
        (["--node-name", "n", "--api-server", "10.0.0.1:6443"], "'10.0.0.1:6443' is not http://… or https://…"),
        (["--node-name", "n", "--api-server", f"https://{64 * 'a'}.example"], "is not http://… or https://…"),
        (["--node-name", "n", "--cdi-dir", ""], "argument --cdi-dir: the path is empty"),
        (["--node", "n"], "unrecognized arguments: --node n"),
    ],
)
def test_bad_command_line_exits_with_the_reason(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse_options(arguments, {})
    assert stop.value.code == 2
    assert reason in capsys.readouterr().err


def test_empty_variable_is_none() -> None:
    """It would be the present folder: in a pod, the container's root."""
    options = parse_options(["--node-name", "n"], {"HAMI_DRA_CDI_DIR": "", "HAMI_DRA_KUBECONFIG": ""})
    assert (options.cdi_dir, options.kubeconfig) == (Path("/var/run/cdi"), None)


def test_bad_variable_is_refused_like_a_bad_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(["--node-name", "n"], {"HAMI_DRA_LOG_LEVEL": "chatty"})
    assert "'chatty' is none of" in capsys.readouterr().err
