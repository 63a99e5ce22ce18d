/* Prints what a shared library does to a program that loads it: `exports NAME`, `needs NAME`, `wants VERSION` of a
 * needed library's symbols, `constructs`; and what else it is: `machine NUMBER`, `section NAME`. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char *file;

static const ElfW(Shdr) * section(size_t index) {
    const ElfW(Ehdr) *header = (const void *)file;
    return (const ElfW(Shdr) *)(file + header->e_shoff) + index;
}

static void print_exports(const ElfW(Shdr) * symbols) {
    const char *strings = file + section(symbols->sh_link)->sh_offset;
    const ElfW(Sym) *symbol = (const void *)(file + symbols->sh_offset);
    for (size_t i = 0; i < symbols->sh_size / sizeof *symbol; i++)
        if (symbol[i].st_shndx != SHN_UNDEF)
            printf("exports %s\n", strings + symbol[i].st_name);
}

static void print_versions(const ElfW(Shdr) * versions) {
    const char *strings = file + section(versions->sh_link)->sh_offset;
    const char *library = file + versions->sh_offset;
    for (size_t i = 0; i < versions->sh_info; i++) {
        const ElfW(Verneed) *need = (const void *)library;
        const char *version = library + need->vn_aux;
        for (int k = 0; k < need->vn_cnt; k++) {
            const ElfW(Vernaux) *wanted = (const void *)version;
            printf("wants %s\n", strings + wanted->vna_name);
            version += wanted->vna_next;
        }
        library += need->vn_next;
    }
}

static void print_dynamic(const ElfW(Shdr) * dynamic) {
    const char *strings = file + section(dynamic->sh_link)->sh_offset;
    for (const ElfW(Dyn) *entry = (const void *)(file + dynamic->sh_offset); entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED)
            printf("needs %s\n", strings + entry->d_un.d_val);
        else if (entry->d_tag == DT_INIT || entry->d_tag == DT_INIT_ARRAY || entry->d_tag == DT_PREINIT_ARRAY)
            puts("constructs");
}

int main(int count, char **arguments) {
    struct stat status;
    int descriptor = open(count > 1 ? arguments[1] : "", O_RDONLY);
    if (descriptor < 0 || fstat(descriptor, &status) != 0)
        return 1;
    file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (file == MAP_FAILED)
        return 1;
    const ElfW(Ehdr) *header = (const void *)file;
    const char *names = file + section(header->e_shstrndx)->sh_offset;
    printf("machine %d\n", header->e_machine);
    for (size_t i = 1; i < header->e_shnum; i++) {
        printf("section %s\n", names + section(i)->sh_name);
        if (section(i)->sh_type == SHT_DYNSYM)
            print_exports(section(i));
        else if (section(i)->sh_type == SHT_DYNAMIC)
            print_dynamic(section(i));
        else if (section(i)->sh_type == SHT_GNU_verneed)
            print_versions(section(i));
    }
    return 0;
}
