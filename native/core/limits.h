/* The `limits` file of a share folder: what a share is granted. Its format is told in abi/share.h. */
#ifndef HAMI_CORE_LIMITS_H
#define HAMI_CORE_LIMITS_H

#include "core/uuid.h"

#include <stdbool.h>
#include <stdint.h>

/* How a share is held to its part of the GPU's time. */
enum policy {
    POLICY_HARD,
    POLICY_WORK_CONSERVING, /* what nobody else wants may be used */
    POLICY_OFF,
};

struct limits {
    struct uuid gpu;
    uint64_t memory; /* bytes */
    unsigned cores;  /* percent of the GPU's time, 1 to 100 */
    enum policy policy;
    bool urgent; /* its turns on the GPU go before others' */
};

/* Each returns NULL, or what is wrong. */
const char *limits_parse(const char *text, struct limits *limits);
const char *limits_read(const char *path, struct limits *limits);

#endif
