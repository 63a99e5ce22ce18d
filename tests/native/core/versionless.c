/* A driver whose cuGetProcAddress gives the newest function of a name, whichever version is asked for. */
#include <string.h>

#define OUT_OF_MEMORY 2

int cuMemAlloc(unsigned int *address, unsigned int bytes);
int cuMemAlloc_v2(unsigned long long *address, unsigned long bytes);
int cuGetProcAddress_v2(const char *symbol, void **function, int version, unsigned long long flags, int *status);

int cuMemAlloc(unsigned int *address, unsigned int bytes) {
    (void)address, (void)bytes;
    return OUT_OF_MEMORY;
}

int cuMemAlloc_v2(unsigned long long *address, unsigned long bytes) {
    (void)address, (void)bytes;
    return OUT_OF_MEMORY;
}

int cuGetProcAddress_v2(const char *symbol, void **function, int version, unsigned long long flags, int *status) {
    (void)version, (void)flags;
    *function = strcmp(symbol, "cuMemAlloc") == 0 ? (void *)cuMemAlloc_v2 : (void *)0;
    if (status != (int *)0)
        *status = *function == (void *)0;
    return 0;
}
