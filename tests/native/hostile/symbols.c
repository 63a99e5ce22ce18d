/* Finds a library's symbols without the loader, whose dlsym may be somebody else's. */
#include "symbols.h"

#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Of a handle, which is what link.h says of a loaded library. The loader has made addresses of what is in there. */
static const void *dynamic(const struct link_map *library, ElfW(Sxword) tag) {
    for (const ElfW(Dyn) *entry = library->l_ld; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == tag)
            return (const void *)entry->d_un.d_ptr;
    abort();
}

static uint32_t hash_of(const char *name) {
    uint32_t hash = 5381;
    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

/* Looks it up in the table of DT_GNU_HASH: a filter, buckets, and chains whose last hash is odd. */
void *symbol_of(void *handle, const char *name) {
    const struct link_map *library = handle;
    const ElfW(Sym) *symbols = dynamic(library, DT_SYMTAB);
    const char *strings = dynamic(library, DT_STRTAB);
    const uint32_t *table = dynamic(library, DT_GNU_HASH);
    uint32_t buckets = table[0], first = table[1], filter = table[2];
    const uint32_t *bucket = table + 4 + filter * (sizeof(ElfW(Addr)) / sizeof *table);
    const uint32_t *chain = bucket + buckets;
    uint32_t hash = hash_of(name);
    for (uint32_t i = bucket[hash % buckets]; i >= first; i++) {
        if ((chain[i - first] | 1) == (hash | 1) && strcmp(strings + symbols[i].st_name, name) == 0)
            return (void *)(library->l_addr + symbols[i].st_value);
        if ((chain[i - first] & 1) != 0)
            break;
    }
    return NULL;
}
