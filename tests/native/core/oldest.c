/* A driver that has next to nothing of what hooks.def lists, and refuses what it has. */
#define NOT_INITIALIZED 3

int cuMemAlloc_v2(unsigned long long *address, unsigned long bytes);

int cuMemAlloc_v2(unsigned long long *address, unsigned long bytes) {
    (void)address, (void)bytes;
    return NOT_INITIALIZED;
}
