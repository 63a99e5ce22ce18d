/* The `limits` file of a share folder: what a share is granted. Its format is told in abi/share.h. */
#ifndef HAMI_CORE_LIMITS_H
#define HAMI_CORE_LIMITS_H

#include "core/uuid.h"

#include <stdint.h>

struct limits {
    struct uuid gpu;
    uint64_t memory; /* bytes */
};

/* Each returns NULL, or what is wrong. */
const char *limits_parse(const char *text, struct limits *limits);
const char *limits_read(const char *path, struct limits *limits);

#endif
