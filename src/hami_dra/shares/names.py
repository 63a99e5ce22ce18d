"""The name of the driver, which everything of ours on a node and in the cluster bears."""

DRIVER_NAME = "hami-core-gpu.project-hami.io"

# Beside the folder of all shares, on the host and in containers.
TURNS_FOLDER = "turns"
