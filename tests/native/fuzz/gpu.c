/* hami-sim's descriptions of GPUs, one a line: what is understood can be laid out. */
#include "sim/tool/gpu.h"

#include "target.h"

#include <stdlib.h>
#include <string.h>

#define MOST 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = target_text(data, size);
    struct sim_gpu gpus[MOST] = {0};
    unsigned count = 0;
    char error[256], *rest;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL && count < MOST; line = strtok_r(NULL, "\n", &rest)) {
        if (!gpu_parse(line, &gpus[count], error, sizeof error))
            continue;
        target_expect(gpus[count].memory > 0 && gpus[count].memory % SIM_UNIT == 0 && gpus[count].uuid[40] == '\0');
        count++;
    }
    gpu_check_all(gpus, count, error, sizeof error);
    free(text);
    return 0;
}
