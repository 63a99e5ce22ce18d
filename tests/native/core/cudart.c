/*
 * Which functions of the driver NVIDIA's libcudart has taken hold of: `OBJECT FUNCTION` per line, from its own memory.
 *
 * Usage: cudart [LIBCUDART]. Without, the program has libcudart_static.a linked in.
 *
 * libcudart looks all of them up when it starts, and starts at the first call that needs a device.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

typedef int device_count_fn(int *count);

extern device_count_fn cudaGetDeviceCount __attribute__((weak));

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void show(const void *address) {
    Dl_info function;
    if (address != NULL && dladdr(address, &function) != 0 && function.dli_saddr == address &&
        strncmp(function.dli_sname, "cu", 2) == 0 && strncmp(function.dli_sname, "cuda", 4) != 0)
        printf("%s %s\n", file_name(function.dli_fname), function.dli_sname);
}

static int contains(const struct dl_phdr_info *object, const void *address) {
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD &&
            (uintptr_t)address - (object->dlpi_addr + segment->p_vaddr) < segment->p_memsz)
            return 1;
    }
    return 0;
}

/* Shows what the writable memory of the object with the function `data` points to. */
static int search(struct dl_phdr_info *object, size_t size, void *data) {
    (void)size;
    if (!contains(object, data))
        return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) == 0)
            continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + 7) & ~(uintptr_t)7;
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        for (uintptr_t word = start; word + sizeof(void *) <= end; word += sizeof(void *))
            show(*(void **)word);
    }
    return 1;
}

int main(int count, char **arguments) {
    device_count_fn *device_count = cudaGetDeviceCount;
    int devices;
    if (count > 1) {
        void *library = dlopen(arguments[1], RTLD_NOW);
        device_count = library != NULL ? (device_count_fn *)dlsym(library, "cudaGetDeviceCount") : NULL;
    }
    if (device_count == NULL)
        return 1;
    device_count(&devices);
    dl_iterate_phdr(search, (void *)device_count);
    return 0;
}
