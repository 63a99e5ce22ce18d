"""The plugin, but that it waits for NVML for seconds where it would for minutes."""

import sys
from unittest.mock import patch

from hami_dra.plugin.main import main

_PATIENCE = {
    "hami_dra.gpu.health_process._PATIENCE_SECONDS": 5.0,
    "hami_dra.gpu.inventory_process._TIMEOUT_SECONDS": 5.0,
    "hami_dra.plugin.node_watch._ASK_AGAIN_SECONDS": 1.0,
    "hami_dra.plugin.agent._FIRST_SECONDS": 1.0,
}

if __name__ == "__main__":
    for name, seconds in _PATIENCE.items():
        patch(name, seconds).start()
    sys.exit(main())
