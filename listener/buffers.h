/*
 * buffers.h - memory for requests that are not complete yet, within one ceiling for all connections.
 *
 * A request that arrives in one piece needs none. A buffer grows as bytes arrive, not by what a Content-Length promises,
 * and goes back when its request is answered. Small ones (BUFFER_SMALL) are always given, so that a few senders of large
 * bodies cannot keep ordinary notifications out: only larger ones count against the ceiling.
 * Bounds: connections x BUFFER_SMALL + the ceiling. Event-loop thread only.
 */
#ifndef LISTENER_BUFFERS_H
#define LISTENER_BUFFERS_H

#include <stddef.h>

#include "base/err.h"

#define BUFFER_SMALL      ((size_t)16 << 10)
#define BUFFERS_LARGE_MAX ((size_t)64 << 20)

struct buffers {
	size_t large_bytes, large_max;
};

struct buffer {
	char *data;
	size_t len, cap;
};

/* one_max is the largest request: four of them always fit. */
void buffers_init(struct buffers *all, size_t one_max);
/*
 * Makes room behind len: for want bytes in all when a quarter of them is there already (or arrived, which counts those in another
 * place that are to be copied here), else for four times what is. want > len. ERR_FULL at the ceiling, ERR_NOMEM.
 */
enum err buffer_reserve(struct buffers *all, struct buffer *b, size_t arrived, size_t want);
/* Frees; b is empty and may grow again. */
void buffer_release(struct buffers *all, struct buffer *b);

#endif
