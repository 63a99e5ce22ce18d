/*
 * Looks at the loaded objects without dlsym, by reading their symbol tables.
 *
 * dlvsym(RTLD_NEXT, "dlsym", version) is the usual way, but we replace dlvsym as well, and the versions differ by
 * architecture. Taking the first definition after our own keeps other interposers of dlsym in the chain.
 *
 * Such interposers (sanitizers, allocators) use dlsym to find what stands behind them, before their own functions work.
 * So nothing that is called on the way to the real dlsym may be theirs: hence no strcmp and no dl_iterate_phdr there.
 *
 * Nor is anything of libdl called that was not found here: before glibc 2.34 it is a library of its own, and then a
 * program without it would have to load that as well.
 */
#include "core/objects.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* An object's dynamic symbols. */
struct symbols {
    const ElfW(Sym) * table;
    const char *strings;
    const uint32_t *gnu_hash;
};

/* The loader has turned these entries into addresses, except in the kernel's vdso. */
static const void *pointer(ElfW(Addr) base, const ElfW(Dyn) * entry) {
    uintptr_t value = entry->d_un.d_ptr;
    return (const void *)(value < base ? base + value : value);
}

static bool read_symbols(ElfW(Addr) base, const ElfW(Dyn) * dynamic, struct symbols *symbols) {
    *symbols = (struct symbols){0};
    for (const ElfW(Dyn) *entry = dynamic; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            symbols->table = pointer(base, entry);
        else if (entry->d_tag == DT_STRTAB)
            symbols->strings = pointer(base, entry);
        else if (entry->d_tag == DT_GNU_HASH)
            symbols->gnu_hash = pointer(base, entry);
    }
    return symbols->table != NULL && symbols->strings != NULL && symbols->gnu_hash != NULL;
}

static bool equal(const char *one, const char *other) {
    while (*one != '\0' && *one == *other)
        one++, other++;
    return *one == *other;
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
            equal(symbols->strings + symbol->st_name, name))
            return symbol;
        if (other & 1)
            return NULL;
    }
}

static void *find(ElfW(Addr) base, const ElfW(Dyn) * dynamic, const char *name) {
    struct symbols symbols;
    const ElfW(Sym) *symbol = read_symbols(base, dynamic, &symbols) ? look_up(&symbols, name) : NULL;
    return symbol != NULL ? (void *)(base + symbol->st_value) : NULL;
}

/* What the loader shows debuggers, of the namespace that the program is in. It is in the loader itself, which need not
 * be named as a library that we need. */
extern struct r_debug _r_debug __attribute__((weak));

/* Our own dynamic section. */
extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

static const struct link_map *own_object(void) {
    const struct link_map *object = _r_debug.r_map;
    while (object != NULL && object->l_ld != _DYNAMIC)
        object = object->l_next;
    return object;
}

static bool contains(const struct dl_phdr_info *object, const void *address) {
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (uintptr_t)address - start < segment->p_memsz)
            return true;
    }
    return false;
}

struct search {
    const char *name;
    bool behind_us;
    void *found;
};

static int look_behind_us(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size;
    struct search *search = data;
    for (int i = 0; search->behind_us && i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
            search->found =
                find(object->dlpi_addr, (const void *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr), search->name);
    search->behind_us |= contains(object, (const void *)look_behind_us);
    return search->found != NULL;
}

/* Of the namespace of whoever asks, which debuggers are shown by newer loaders only. No such interposers are there. */
static void *next_symbol_in_namespace(const char *name) {
    struct search search = {.name = name};
    dl_iterate_phdr(look_behind_us, &search);
    return search.found;
}

/* The list is in the order in which the objects were loaded. Those that the program was started with never leave it,
 * and the C library, which has what we look for, is one of them. */
void *next_symbol(const char *name) {
    const struct link_map *object = own_object();
    void *found = NULL;
    if (object == NULL)
        return next_symbol_in_namespace(name);
    while (found == NULL && (object = object->l_next) != NULL)
        found = find(object->l_addr, object->l_ld, name);
    return found;
}

static void *nothing(void) {
    return NULL;
}

/* Mostly this is the first access to the page of our variables: where that reads, the kernel is called once more when
 * the page is written. */
void *cached_symbol(_Atomic(void *) *cache, const char *name) {
    void *address = NULL;
    atomic_compare_exchange_strong_explicit(cache, &address, NULL, memory_order_relaxed, memory_order_relaxed);
    if (address == NULL) {
        address = next_symbol(name);
        atomic_store_explicit(cache, address, memory_order_relaxed);
    }
    return address != NULL ? address : (void *)nothing;
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
