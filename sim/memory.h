/*
 * memory.h - allocation for a test tool: whoever simulates a world that does not fit in memory is told so and stops.
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

void *must_alloc(size_t size);  /* zeroed */
void *must_get(size_t size);    /* not zeroed */
char *must_copy(const char *s); /* NULL gives NULL */
char *must_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *must_format_args(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
/* Room for one more of `size` bytes in an array of count, cap elements; doubles. */
void *must_grow(void *array, size_t count, size_t *cap, size_t size);

#endif
