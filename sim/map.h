/*
 * map.h - a hash map from strings to pointers.
 *
 * Keys are borrowed and must stay unchanged while they are in the map. All zero is an empty map.
 * Order is not kept: whoever lists things keeps an array beside it.
 */
#ifndef SIM_MAP_H
#define SIM_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_slot {
	const char *key; /* NULL: never used; map_dead: was used */
	void *value;
	uint64_t hash;
};

struct map {
	struct map_slot *slots;
	size_t cap;  /* a power of two, or 0 */
	size_t used; /* with dead slots */
	size_t count;
};

void *sim_map_get(const struct map *m, const char *key); /* NULL when absent */
/* Puts or replaces (the key too); value is not NULL. */
void sim_map_put(struct map *m, const char *key, void *value);
void *sim_map_del(struct map *m, const char *key); /* what was there, or NULL */
/* Walks all: *at starts at 0. NULL at the end. The map must not change on the way. */
void *sim_map_next(const struct map *m, size_t *at);
void sim_map_done(struct map *m); /* frees the table, not the values; empty again */

#endif
