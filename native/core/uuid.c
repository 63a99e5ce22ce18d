/* The UUID of a GPU: what it is known by everywhere. */
#include "core/uuid.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

static int hex_digit(char character) {
    char lower = character >= 'A' && character <= 'F' ? (char)(character - 'A' + 'a') : character;
    const char *found = lower != '\0' ? strchr(digits, lower) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

static bool dash_before(int byte) {
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool uuid_parse(const char *text, struct uuid *uuid) {
    if (strncmp(text, "GPU-", 4) != 0 && strncmp(text, "MIG-", 4) != 0)
        return false;
    text += 4;
    for (int i = 0; i < (int)sizeof uuid->bytes; i++) {
        if (dash_before(i) && *text++ != '-')
            return false;
        int high = hex_digit(text[0]);
        int low = high >= 0 ? hex_digit(text[1]) : -1;
        if (low < 0)
            return false;
        uuid->bytes[i] = (unsigned char)(high << 4 | low);
        text += 2;
    }
    return *text == '\0';
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_SIZE]) {
    char *end = stpcpy(text, "GPU-");
    for (int i = 0; i < (int)sizeof uuid->bytes; i++) {
        if (dash_before(i))
            *end++ = '-';
        *end++ = digits[uuid->bytes[i] >> 4];
        *end++ = digits[uuid->bytes[i] & 0xf];
    }
    *end = '\0';
}

bool uuid_equal(const struct uuid *one, const struct uuid *other) {
    return memcmp(one->bytes, other->bytes, sizeof one->bytes) == 0;
}
