/* Open addressing with linear probing, at most two thirds full; FNV-1a by words (tokens are long), for nobody attacks a simulator's tables. */
#include "sim/map.h"

#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"

static const char map_dead[] = "";

static uint64_t
hash_of(const char *key)
{
	uint64_t h = 0xcbf29ce484222325u, word;
	size_t len = strlen(key);

	for (; len >= sizeof(word); len -= sizeof(word), key += sizeof(word)) {
		memcpy(&word, key, sizeof(word));
		h = (h ^ word) * 0x100000001b3u;
		h ^= h >> 32;
	}
	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3u;
	return h ^ (h >> 29);
}

static struct map_slot *
find(const struct map *m, const char *key, uint64_t hash)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_slot *s = &m->slots[i];

		if (s->key == NULL)
			return NULL;
		if (s->key != map_dead && s->hash == hash && strcmp(s->key, key) == 0)
			return s;
	}
}

static void
insert(struct map *m, const char *key, void *value, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (m->slots[i].key != NULL)
		i = (i + 1) & (m->cap - 1);
	m->slots[i] = (struct map_slot){ key, value, hash };
	m->used++;
	m->count++;
}

static void
rebuild(struct map *m)
{
	struct map old = *m;

	m->cap = 8;
	while (m->cap < (old.count + 1) * 2)
		m->cap *= 2;
	m->slots = must_alloc(m->cap * sizeof(*m->slots));
	m->used = m->count = 0;
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].key != NULL && old.slots[i].key != map_dead)
			insert(m, old.slots[i].key, old.slots[i].value, old.slots[i].hash);
	free(old.slots);
}

void *
sim_map_get(const struct map *m, const char *key)
{
	const struct map_slot *s = find(m, key, hash_of(key));

	return s == NULL ? NULL : s->value;
}

void
sim_map_put(struct map *m, const char *key, void *value)
{
	uint64_t hash = hash_of(key);
	struct map_slot *s = find(m, key, hash);

	if (s != NULL) {
		s->key = key;
		s->value = value;
		return;
	}
	if (m->cap == 0 || (m->used + 1) * 3 > m->cap * 2)
		rebuild(m);
	insert(m, key, value, hash);
}

void *
sim_map_del(struct map *m, const char *key)
{
	struct map_slot *s = find(m, key, hash_of(key));
	void *value;

	if (s == NULL)
		return NULL;
	value = s->value;
	s->key = map_dead;
	s->value = NULL;
	m->count--;
	return value;
}

void *
sim_map_next(const struct map *m, size_t *at)
{
	while (*at < m->cap) {
		const struct map_slot *s = &m->slots[(*at)++];

		if (s->key != NULL && s->key != map_dead)
			return s->value;
	}
	return NULL;
}

void
sim_map_done(struct map *m)
{
	free(m->slots);
	*m = (struct map){ NULL, 0, 0, 0 };
}
