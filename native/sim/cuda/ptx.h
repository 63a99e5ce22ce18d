/* The kernels of a PTX text: names, parameters, and the time that a simulated device takes for them.
 *
 * That time stands in the kernel's body, in a pragma, which real drivers ignore:
 *
 *     .pragma "hami-sim cost=5000 per-block=10 argument=0";
 *
 * `cost` is in ns; `per-block` is added for each block of the grid; `argument` is the index of a parameter of 64 bits
 * whose value is added. Each may be left out. A kernel without the pragma takes no time.
 */
#ifndef HAMI_SIM_PTX_H
#define HAMI_SIM_PTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PTX_MAX_PARAMETERS 256
#define PTX_NO_ARGUMENT    PTX_MAX_PARAMETERS

struct ptx_parameter {
    uint32_t offset; /* in the buffer that holds all of them */
    uint32_t size;
};

struct ptx_kernel {
    const char *name; /* in the text, where it goes on */
    size_t name_length;
    uint64_t cost;
    uint64_t per_block;
    unsigned argument;
    unsigned parameter_count;
    struct ptx_parameter parameters[PTX_MAX_PARAMETERS];
};

/* Reads the next kernel of a text and moves on behind it. False at the end of the text, and, with *is_wrong set, if the
 * text cannot be read. */
bool ptx_next(const char **text, struct ptx_kernel *kernel, bool *is_wrong);

/* The ns that a launch of a kernel takes, with the value of its argument. At most PTX_LONGEST. */
uint64_t ptx_cost(const struct ptx_kernel *kernel, uint64_t blocks, uint64_t argument);

#define PTX_LONGEST (1ull << 50)

#endif
