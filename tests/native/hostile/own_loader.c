/* Starts a program with a loader of its own, which preloads nothing: the program's own one, with another name in place
 * of /etc/ld.so.preload. It is a static program itself, so nothing is preloaded into it.
 *
 * Usage: own_loader PROGRAM [ARGUMENT…]
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRELOAD "/etc/ld.so.preload"
#define NOTHING "/etc/ld.so.nothing"

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* A private copy of the file in memory. */
static char *read_file(const char *path, size_t *size) {
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        fail(path);
    *size = (size_t)status.st_size;
    char *content = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (content == MAP_FAILED)
        fail(path);
    close(file);
    return content;
}

/* The loader that a program asks the kernel for. */
static const char *loader_of(const char *program) {
    size_t size;
    const char *content = read_file(program, &size);
    const Elf64_Ehdr *header = (const void *)content;
    const Elf64_Phdr *segments = (const void *)(content + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_INTERP)
            return content + segments[i].p_offset;
    fprintf(stderr, "own_loader: %s has no loader\n", program);
    exit(1);
}

/* A descriptor of the changed loader. */
static int change(const char *loader) {
    size_t size;
    char *content = read_file(loader, &size);
    char *name = memmem(content, size, PRELOAD, sizeof PRELOAD);
    if (name == NULL) {
        fprintf(stderr, "own_loader: %s does not name %s\n", loader, PRELOAD);
        exit(1);
    }
    memcpy(name, NOTHING, sizeof NOTHING);
    int file = memfd_create("loader", MFD_CLOEXEC);
    if (file < 0 || write(file, content, size) != (ssize_t)size)
        fail("loader");
    return file;
}

int main(int arguments, char **argument) {
    char path[32];
    if (arguments < 2) {
        fputs("usage: own_loader PROGRAM [ARGUMENT…]\n", stderr);
        return 1;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", change(loader_of(argument[1])));
    unsetenv("LD_PRELOAD");
    argument[0] = path;
    execv(path, argument);
    fail(path);
}
