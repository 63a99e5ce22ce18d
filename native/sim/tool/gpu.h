/* How hami-sim's command line describes a GPU. */
#ifndef HAMI_SIM_TOOL_GPU_H
#define HAMI_SIM_TOOL_GPU_H

#include "sim/common/state.h"

#include <stdbool.h>
#include <stddef.h>

/* A whole decimal or 0x-hexadecimal number up to `limit`, and nothing else. */
bool gpu_parse_number(const char *text, uint64_t limit, uint64_t *number);

/* Reads "key=value,…"; on failure writes what is wrong. */
bool gpu_parse(const char *text, struct sim_gpu *gpu, char *error, size_t size);

/* Sorts the GPUs by PCI address, and refuses two of the same UUID, address or minor number. */
bool gpu_check_all(struct sim_gpu *gpus, unsigned count, char *error, size_t size);

#endif
