"""Programs that ask NVML, each a process of its own: no process lets go of the first driver's library that it loads.

They run at every start of the plugin, so they import little: of ours `cgroups` alone, and neither asyncio nor msgspec.
Each ends with the process that began it, even while NVML does not answer.
"""
