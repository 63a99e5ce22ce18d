/* Opens the share of a folder, as libvgpu.so does for a process that has begun to use CUDA. */
#ifndef TESTS_CORE_OPEN_SHARE_H
#define TESTS_CORE_OPEN_SHARE_H

#include "core/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *joined(const char *folder, const char *name) {
    char *path = malloc(strlen(folder) + strlen(name) + 2);
    if (path == NULL)
        exit(2);
    sprintf(path, "%s/%s", folder, name);
    return path;
}

static struct share *open_share(const char *folder) {
    struct share *share = share_new(joined(folder, HAMI_LIMITS_FILE), joined(folder, HAMI_REGION_FILE));
    if (share == NULL || limits_read(share->limits_path, &share->limits) != NULL)
        exit(2);
    return share;
}

#endif
