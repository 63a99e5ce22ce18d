"""Share NVIDIA GPUs between Kubernetes pods through Dynamic Resource Allocation."""
