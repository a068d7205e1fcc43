/* heap.c - glibc's account of its heap. */
#include "base/heap.h"

#include <malloc.h>

size_t
heap_bytes(void)
{
	const struct mallinfo2 heap = mallinfo2();

	return heap.uordblks + heap.hblkhd;
}

void
heap_give_back(void)
{
	(void)malloc_trim(0);
}
