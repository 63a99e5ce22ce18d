"""The node agent: joins GPUs, shares, the kubelet and the API server."""
