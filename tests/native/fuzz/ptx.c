/* Text that is loaded as PTX: what is found of a kernel lies within the text and within bounds, and ends. */
#include "sim/cuda/ptx.h"

#include "target.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct ptx_kernel *kernel, const char *text, size_t length) {
    target_expect(kernel->name >= text && kernel->name + kernel->name_length <= text + length);
    target_expect(kernel->parameter_count <= PTX_MAX_PARAMETERS);
    target_expect(kernel->argument == PTX_NO_ARGUMENT ||
                  (kernel->argument < kernel->parameter_count && kernel->parameters[kernel->argument].size == 8));
    target_expect(ptx_cost(kernel, UINT64_MAX, UINT64_MAX) <= PTX_LONGEST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct ptx_kernel kernel;
    char *text = target_text(data, size);
    const char *at = text;
    bool is_wrong;
    for (const char *before = at; ptx_next(&at, &kernel, &is_wrong); before = at) {
        target_expect(at > before);
        check(&kernel, text, strlen(text));
    }
    free(text);
    return 0;
}
