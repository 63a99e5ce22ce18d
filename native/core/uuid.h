/* The UUID of a GPU: what it is known by everywhere. */
#ifndef HAMI_CORE_UUID_H
#define HAMI_CORE_UUID_H

#include <stdbool.h>

/* GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx with its closing NUL. */
#define UUID_TEXT_SIZE 41

struct uuid {
    unsigned char bytes[16];
};

/* Reads GPU-… and MIG-…, as NVML writes them. */
bool uuid_parse(const char *text, struct uuid *uuid);

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_SIZE]);

bool uuid_equal(const struct uuid *one, const struct uuid *other);

#endif
