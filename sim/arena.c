/* Blocks in a list; a piece that does not fit into the newest begins another one, as large as it needs. */
#include "sim/arena.h"

#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"

#define BLOCK_SIZE 4000
#define ALIGNMENT  _Alignof(max_align_t)

struct arena_block {
	struct arena_block *older;
	max_align_t data[];
};

static void
block_add(struct arena *a, size_t size)
{
	struct arena_block *b = must_get(sizeof(*b) + size);

	b->older = a->newest;
	a->newest = b;
	a->at = (char *)b->data;
	a->end = a->at + size;
}

void *
arena_get(struct arena *a, size_t size)
{
	size_t taken = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	void *ret;

	if ((size_t)(a->end - a->at) < taken)
		block_add(a, taken > BLOCK_SIZE ? taken : BLOCK_SIZE);
	ret = a->at;
	a->at += taken;
	return ret;
}

char *
arena_copy_len(struct arena *a, const char *s, size_t len)
{
	char *ret = arena_get(a, len + 1);

	memcpy(ret, s, len);
	ret[len] = '\0';
	return ret;
}

char *
arena_copy(struct arena *a, const char *s)
{
	return s == NULL ? NULL : arena_copy_len(a, s, strlen(s));
}

char *
arena_format(struct arena *a, const char *format, va_list args)
{
	char *text = must_format_args(format, args), *ret = arena_copy(a, text);

	free(text);
	return ret;
}

void
arena_done(struct arena *a)
{
	struct arena_block *older;

	for (struct arena_block *b = a->newest; b != NULL; b = older) {
		older = b->older;
		free(b);
	}
	*a = (struct arena){ NULL, NULL, NULL };
}
