"""Wrong values of the chart are refused before anything is installed, by name."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.clusters import EXISTING
from tests.e2e.driver import CHART
from tools.go_programs import HELM, programs


def rendered(*sets: str, files: Sequence[Path] = ()) -> "subprocess.CompletedProcess[str]":
    """What `helm template` makes of the chart with these values."""
    command = [
        "helm" if EXISTING else str(programs(HELM) / "helm"),
        "template",
        "release",
        str(CHART),
        "--kube-version=1.37.2",
        *(f"--set={each}" for each in sets),
        *(f"--values={each}" for each in files),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("logLevl=debug", ("logLevl",)),
        ("metrics.prot=9401", ("metrics", "prot")),
        ("logLevel=chatty", ("logLevel", "'debug', 'info', 'warning', 'error'")),
        ("memoryEnforcement=none", ("memoryEnforcement", "'auto', 'driver', 'library'")),
        ("onOveruse=kill", ("onOveruse", "'report', 'evict'")),
        ("tenants=few", ("tenants", "integer")),
        ("tenants=-1", ("tenants", "0")),
        ("metrics.port=99999", ("metrics", "port", "want 65,535")),
        ("driverRoot=run/nvidia/driver", ("driverRoot", "^/")),
        ("kubeletDir=/var/lib/kubelet/", ("kubeletDir",)),
        ("admissionPolicies=maybe", ("admissionPolicies", "boolean")),
        ("driverRoot=/opt/{a: b}", ("driverRoot", "does not match pattern")),
        ("driverRoot=null", ("missing property 'driverRoot'",)),
        ("kubeletDir=/var/lib/a: b", ("kubeletDir", "does not match pattern")),
        ("kubeletDir=null", ("missing property 'kubeletDir'",)),
        ("onOveruse=null", ("missing property 'onOveruse'",)),
        ("admissionPolicies=null", ("missing property 'admissionPolicies'",)),
        ("metrics=null", ("missing property 'metrics'",)),
        ("metrics.port=null", ("/metrics", "missing property 'port'")),
        ("image=null", ("missing property 'image'",)),
        ("image.tag=2026", ("image", "tag", "string")),
        ("image.repository=my images/driver", ("/image/repository", "does not match pattern")),
        ("extendedResourceName=gpu", ("extendedResourceName", "does not match pattern")),
        ("tolerations[0].operator=Exist", ("/tolerations/0/operator", "'Exists', 'Equal'")),
        ("resources.limit.cpu=1", ("/resources", "'limit' not allowed")),
        ("memoryFactor=2", ("memoryFactor: a GPU cannot be promised more than once", "Leave memoryFactor out")),
        ("memoryFactor=0", ("memoryFactor: a GPU cannot be promised more than once",)),
        ("memoryFactor=0.5", ("memoryFactor: a GPU cannot be promised more than once",)),
    ],
)
def test_wrong_value_is_refused_by_name(wrong: str, words: tuple[str, ...]) -> None:
    helm = rendered(wrong)
    assert helm.returncode != 0
    for word in words:
        assert word in helm.stderr


def test_labels_of_nodes_may_be_set_as_they_are_written() -> None:
    helm = rendered(r"nodeSelector.nvidia\.com/gpu\.present=true")
    assert 'nvidia.com/gpu.present: "true"' in helm.stdout, helm.stderr


def test_a_number_in_a_values_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("tenants: 20000000\n")
    helm = rendered(files=[tmp_path / "values.yaml"])
    assert "--tenants=20000000 " in helm.stdout, helm.stderr


def test_values_of_an_older_release_may_be_used_again() -> None:
    helm = rendered("memoryFactor=null")
    assert helm.returncode == 0, helm.stderr
