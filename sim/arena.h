/*
 * arena.h - memory that is given in small pieces and freed at once: whatever lives as long as one call.
 *
 * All zero is an empty arena. Like memory.h's, nothing here gives NULL but the copy of NULL.
 */
#ifndef SIM_ARENA_H
#define SIM_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena {
	struct arena_block *newest;
	char *at, *end; /* of the newest: what is free */
};

void *arena_get(struct arena *a, size_t size); /* aligned as malloc's; not cleared */
char *arena_copy(struct arena *a, const char *s);
char *arena_copy_len(struct arena *a, const char *s, size_t len); /* with a NUL behind */
char *arena_format(struct arena *a, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
void arena_done(struct arena *a); /* frees all; empty again */

#endif
