/* Numbers of the environment contract: what is understood is in bounds, and a plain number means the same in both. */
#include "core/bytes.h"
#include "target.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = target_text(data, size);
    uint64_t number, bytes;
    bool is_number = parse_number(text, &number);
    bool is_bytes = parse_bytes(text, &bytes);
    target_expect(!is_number || (is_bytes && number == bytes));
    target_expect(!is_bytes || bytes <= BYTES_MAX);
    free(text);
    return 0;
}
