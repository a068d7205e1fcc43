/* The free slots are a stack threaded through an array, not through the slots: their pages may have gone. */
#include "listener/record_memory.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "listener/guests.h"

/* For each guest, as OpenSSL 3.0 asks; only what is in use has pages. */
#define SLOTS (3 * GUESTS_MAX_DEFAULT)

struct arena {
	size_t min, slot_len; /* sizes from min to slot_len go here; slots are whole pages */
	pthread_mutex_t lock;
	char *slots;               /* NULL: not installed */
	uint16_t next_free[SLOTS]; /* indices + 1; 0 ends the list */
	uint16_t first_free;
	uint16_t untouched; /* this one and all behind it were never used */
};

static struct arena arenas[] = {
	/* Reading and writing: a record's 16 KiB and some hundred bytes around it; the message of a handshake: a third more. */
	{ .min = (16 << 10) + 1, .slot_len = 24 << 10, .lock = PTHREAD_MUTEX_INITIALIZER },
	/* The two sides of the buffer that gathers a handshake's messages. */
	{ .min = 4 << 10, .slot_len = 4 << 10, .lock = PTHREAD_MUTEX_INITIALIZER },
};

#define ARENAS (sizeof(arenas) / sizeof(arenas[0]))

_Static_assert(SLOTS < UINT16_MAX, "slots are numbered in 16 bits");

static void *
slot_take(struct arena *a)
{
	size_t slot = SIZE_MAX;

	pthread_mutex_lock(&a->lock);
	if (a->first_free != 0) {
		slot = (size_t)a->first_free - 1;
		a->first_free = a->next_free[slot];
	} else if (a->slots != NULL && a->untouched < SLOTS) {
		slot = a->untouched++;
	}
	pthread_mutex_unlock(&a->lock);
	return slot == SIZE_MAX ? NULL : a->slots + slot * a->slot_len;
}

static struct arena *
arena_for(size_t size)
{
	for (size_t i = 0; i < ARENAS; i++)
		if (size >= arenas[i].min && size <= arenas[i].slot_len)
			return &arenas[i];
	return NULL;
}

/* The arena p lies in, or NULL. */
static struct arena *
arena_of(const void *p)
{
	for (size_t i = 0; i < ARENAS; i++) {
		uintptr_t at = (uintptr_t)p, start = (uintptr_t)arenas[i].slots;

		if (start != 0 && at >= start && at < start + SLOTS * arenas[i].slot_len)
			return &arenas[i];
	}
	return NULL;
}

static void
slot_give(struct arena *a, void *p)
{
	size_t slot = (size_t)((char *)p - a->slots) / a->slot_len;

	pthread_mutex_lock(&a->lock);
	a->next_free[slot] = a->first_free;
	a->first_free = (uint16_t)(slot + 1);
	pthread_mutex_unlock(&a->lock);
}

static void *
record_malloc(size_t size, const char *file, int line)
{
	struct arena *a = arena_for(size);
	void *p = a != NULL ? slot_take(a) : NULL;

	(void)file;
	(void)line;
	return p != NULL ? p : size > 0 ? malloc(size) : NULL;
}

static void
record_free(void *p, const char *file, int line)
{
	struct arena *a = arena_of(p);

	(void)file;
	(void)line;
	if (a != NULL)
		slot_give(a, p);
	else
		free(p);
}

static void *
record_realloc(void *p, size_t size, const char *file, int line)
{
	struct arena *a = arena_of(p);
	void *moved;

	if (p == NULL)
		return record_malloc(size, file, line);
	if (a == NULL)
		return realloc(p, size);
	if (size > 0 && size <= a->slot_len)
		return p;
	moved = record_malloc(size, file, line);
	if (moved != NULL)
		memcpy(moved, p, a->slot_len);
	if (moved != NULL || size == 0)
		slot_give(a, p);
	return moved;
}

static void
map(struct arena *a)
{
	/* cppcheck-suppress invalidFunctionArg ; anonymous memory has no descriptor */
	void *slots = mmap(NULL, SLOTS * a->slot_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (slots != MAP_FAILED)
		a->slots = slots;
}

void
record_memory_install(void)
{
	if (CRYPTO_set_mem_functions(record_malloc, record_realloc, record_free) != 1)
		return;
	for (size_t i = 0; i < ARENAS; i++)
		map(&arenas[i]);
}

static void
trim(struct arena *a)
{
	pthread_mutex_lock(&a->lock);
	for (uint16_t at = a->first_free; at != 0; at = a->next_free[at - 1])
		(void)madvise(a->slots + (size_t)(at - 1) * a->slot_len, a->slot_len, MADV_DONTNEED);
	pthread_mutex_unlock(&a->lock);
}

void
record_memory_trim(void)
{
	for (size_t i = 0; i < ARENAS; i++)
		trim(&arenas[i]);
}
