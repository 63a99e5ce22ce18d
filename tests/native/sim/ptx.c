/* Prints the kernels of the PTX text on standard input, one to a line: name, cost, cost per block, argument or -, and
 * each parameter as OFFSET+SIZE. Exits with 1 if the text cannot be read. */
#include "sim/cuda/ptx.h"

#include <inttypes.h>
#include <stdio.h>

static void print(const struct ptx_kernel *kernel) {
    printf("%.*s %" PRIu64 " %" PRIu64, (int)kernel->name_length, kernel->name, kernel->cost, kernel->per_block);
    if (kernel->argument == PTX_NO_ARGUMENT)
        printf(" -");
    else
        printf(" %u", kernel->argument);
    for (unsigned i = 0; i < kernel->parameter_count; i++)
        printf(" %" PRIu32 "+%" PRIu32, kernel->parameters[i].offset, kernel->parameters[i].size);
    printf("\n");
}

int main(void) {
    static char text[1 << 20];
    static struct ptx_kernel kernel;
    text[fread(text, 1, sizeof(text) - 1, stdin)] = '\0';
    const char *at = text;
    bool is_wrong;
    while (ptx_next(&at, &kernel, &is_wrong))
        print(&kernel);
    return is_wrong;
}
