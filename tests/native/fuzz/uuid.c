/* UUIDs: one that is understood is understood again as it is written. */
#include "core/uuid.h"

#include "target.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = target_text(data, size);
    struct uuid uuid, again;
    if (uuid_parse(text, &uuid)) {
        char written[UUID_TEXT_SIZE];
        uuid_format(&uuid, written);
        target_expect(uuid_parse(written, &again) && uuid_equal(&uuid, &again));
    }
    free(text);
    return 0;
}
