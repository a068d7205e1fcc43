/* Allocation that never returns NULL. */
#include "sim/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
checked(void *p)
{
	if (p == NULL) {
		fputs("graphsim: out of memory: make the world smaller\n", stderr);
		abort();
	}
	return p;
}

void *
must_alloc(size_t size)
{
	return checked(calloc(1, size));
}

void *
must_get(size_t size)
{
	return checked(malloc(size));
}

char *
must_copy(const char *s)
{
	return s == NULL ? NULL : checked(strdup(s));
}

char *
must_format_args(const char *format, va_list args)
{
	char *ret = NULL;

	if (vasprintf(&ret, format, args) < 0)
		ret = NULL;
	return checked(ret);
}

char *
must_format(const char *format, ...)
{
	va_list args;
	char *ret;

	va_start(args, format);
	ret = must_format_args(format, args);
	va_end(args);
	return ret;
}

void *
must_grow(void *array, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return array;
	*cap = *cap == 0 ? 8 : *cap * 2;
	return checked(reallocarray(array, *cap, size));
}
