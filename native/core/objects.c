/*
 * Looks at the loaded objects without dlsym, by reading their symbol tables.
 *
 * dlvsym(RTLD_NEXT, "dlsym", version) is the usual way, but we replace dlvsym as well, and the versions differ by
 * architecture. Taking the first definition after our own keeps other interposers of dlsym in the chain.
 */
#include "core/objects.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

struct search {
    const char *name;
    bool past_us;
    void *found;
};

/* An object's dynamic symbols. */
struct symbols {
    const ElfW(Sym) * table;
    const char *strings;
    const uint32_t *gnu_hash;
};

static bool contains(const struct dl_phdr_info *object, const void *address) {
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (uintptr_t)address - start < segment->p_memsz)
            return true;
    }
    return false;
}

static const ElfW(Dyn) * dynamic_section(const struct dl_phdr_info *object) {
    for (int i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
            return (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
    return NULL;
}

/* The loader has turned these entries into addresses, except in the kernel's vdso. */
static const void *pointer(const struct dl_phdr_info *object, const ElfW(Dyn) * entry) {
    uintptr_t value = entry->d_un.d_ptr;
    return (const void *)(value < object->dlpi_addr ? object->dlpi_addr + value : value);
}

static bool read_symbols(const struct dl_phdr_info *object, struct symbols *symbols) {
    memset(symbols, 0, sizeof *symbols);
    const ElfW(Dyn) *entry = dynamic_section(object);
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            symbols->table = pointer(object, entry);
        else if (entry->d_tag == DT_STRTAB)
            symbols->strings = pointer(object, entry);
        else if (entry->d_tag == DT_GNU_HASH)
            symbols->gnu_hash = pointer(object, entry);
    }
    return symbols->table != NULL && symbols->strings != NULL && symbols->gnu_hash != NULL;
}

static uint32_t gnu_hash(const char *name) {
    uint32_t hash = 5381;
    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

/* DT_GNU_HASH: four counts, a Bloom filter, the first symbol of each bucket, and for each symbol its hash, of which the
 * lowest bit ends the bucket. */
static const ElfW(Sym) * look_up(const struct symbols *symbols, const char *name) {
    uint32_t bucket_count = symbols->gnu_hash[0];
    uint32_t first = symbols->gnu_hash[1];
    uint32_t bloom_words = symbols->gnu_hash[2];
    const uint32_t *buckets = symbols->gnu_hash + 4 + bloom_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *hashes = buckets + bucket_count;
    uint32_t hash = gnu_hash(name);
    uint32_t index = bucket_count == 0 ? 0 : buckets[hash % bucket_count];
    if (index < first)
        return NULL;
    for (;; index++) {
        const ElfW(Sym) *symbol = &symbols->table[index];
        uint32_t other = hashes[index - first];
        if ((hash | 1) == (other | 1) && symbol->st_shndx != SHN_UNDEF &&
            strcmp(symbols->strings + symbol->st_name, name) == 0)
            return symbol;
        if (other & 1)
            return NULL;
    }
}

static int visit(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size;
    struct search *search = data;
    if (!search->past_us) {
        search->past_us = contains(object, (const void *)next_symbol);
        return 0;
    }
    struct symbols symbols;
    if (!read_symbols(object, &symbols))
        return 0;
    const ElfW(Sym) *symbol = look_up(&symbols, search->name);
    if (symbol == NULL)
        return 0;
    search->found = (void *)(object->dlpi_addr + symbol->st_value);
    return 1;
}

void *next_symbol(const char *name) {
    struct search search = {.name = name};
    dl_iterate_phdr(visit, &search);
    return search.found;
}

void *cached_symbol(_Atomic(void *) *cache, const char *name) {
    void *address = atomic_load_explicit(cache, memory_order_relaxed);
    if (address == NULL) {
        address = next_symbol(name);
        atomic_store_explicit(cache, address, memory_order_relaxed);
    }
    return address;
}

struct order {
    const void *address;
    bool before_us;
};

static int compare(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size;
    struct order *order = data;
    order->before_us = contains(object, order->address);
    return order->before_us || contains(object, (const void *)compare);
}

bool loaded_before_us(const void *address) {
    struct order order = {.address = address};
    dl_iterate_phdr(compare, &order);
    return order.before_us;
}
