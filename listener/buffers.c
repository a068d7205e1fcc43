/* malloc is the pool; this keeps the books. */
#include "listener/buffers.h"

#include <stdlib.h>

#define BUFFER_FIRST ((size_t)4 << 10)

void
buffers_init(struct buffers *all, size_t one_max)
{
	all->large_bytes = 0;
	all->large_max = one_max > BUFFERS_LARGE_MAX / 4 ? 4 * one_max : BUFFERS_LARGE_MAX;
}

static size_t
counted(size_t cap)
{
	return cap > BUFFER_SMALL ? cap : 0;
}

enum err
buffer_reserve(struct buffers *all, struct buffer *b, size_t arrived, size_t want)
{
	size_t cap = arrived * 4 > BUFFER_FIRST ? arrived * 4 : BUFFER_FIRST, total;
	char *data;

	if (cap > want)
		cap = want > BUFFER_FIRST ? want : BUFFER_FIRST;
	if (cap <= b->cap)
		return ERR_OK;
	total = all->large_bytes - counted(b->cap) + counted(cap);
	if (counted(cap) > 0 && total > all->large_max)
		return ERR_FULL;
	data = realloc(b->data, cap);
	if (data == NULL)
		return ERR_NOMEM;
	all->large_bytes = total;
	b->data = data;
	b->cap = cap;
	return ERR_OK;
}

void
buffer_release(struct buffers *all, struct buffer *b)
{
	all->large_bytes -= counted(b->cap);
	free(b->data);
	*b = (struct buffer){ NULL, 0, 0 };
}
