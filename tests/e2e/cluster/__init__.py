"""A Kubernetes cluster for tests: one of our own on this machine, or an existing one."""

from tests.e2e.cluster.client import Cluster, Failed, wait_for
from tests.e2e.cluster.local import LocalCluster

__all__ = ["Cluster", "Failed", "LocalCluster", "wait_for"]
