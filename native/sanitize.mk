# What `make SANITIZE=address,undefined` and `make SANITIZE=thread` change: a build for this machine alone, by gcc, whose
# sanitizers are libraries that can be preloaded into any program. zig's cannot, and there is none for addresses.

ifdef SANITIZE
CC      = gcc
CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDLIBS += -latomic
# As an illegal instruction, undefined behaviour is reported by AddressSanitizer, to its log: beside it UndefinedBehavior-
# Sanitizer can write to standard error only, which is the program's.
CFLAGS += $(if $(findstring undefined,$(SANITIZE)),-fsanitize-undefined-trap-on-error)
endif
