/* Finds a library's symbols without the loader, whose dlsym may be somebody else's. */
#ifndef HAMI_HOSTILE_SYMBOLS_H
#define HAMI_HOSTILE_SYMBOLS_H

/* The address of a symbol that a loaded library itself defines, by its handle of dlopen; NULL if there is none. */
void *symbol_of(void *library, const char *name);

#endif
