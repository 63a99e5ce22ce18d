/* What a fuzz target is made with. */
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_HEADER 3
#define TAIL_PIECE   64

char *target_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

void target_overlay(int file, const uint8_t *data, size_t size, unsigned words, size_t tail) {
    while (size > PIECE_HEADER) {
        unsigned place = data[0] | (unsigned)data[1] << 8;
        size_t length = data[2] < size - PIECE_HEADER ? data[2] : size - PIECE_HEADER;
        size_t offset = place < words ? (size_t)place * 8 : tail + (size_t)(place - words) * TAIL_PIECE;
        if (pwrite(file, data + PIECE_HEADER, length, (off_t)offset) != (ssize_t)length)
            abort();
        data += PIECE_HEADER + length;
        size -= PIECE_HEADER + length;
    }
}

void target_expect(int truth) {
    if (!truth)
        __builtin_trap();
}
