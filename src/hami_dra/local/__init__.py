"""Shares of GPUs without a cluster: what stands in for the API server, the kubelet, the scheduler and the runtime."""
