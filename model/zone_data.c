/*
 * zone_data.c - RFC 8536: a header and a block with times of four bytes, again with eight, then a rule for what comes after.
 *
 * Only the second block counts. All numbers are big-endian.
 */
#include "model/zone_data.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/big_endian.h"
#include "model/posix_zone.h"

#define HEADER_LEN     44
#define TRANSITION_MAX 4096
#define TYPE_MAX       256

struct transition {
	int64_t unix_s;
	int32_t offset_s; /* from then on */
};

struct zone_data {
	struct transition *transitions; /* sorted */
	size_t count;
	int32_t first_offset_s; /* before all of them */
	bool has_rule;
	struct posix_zone rule;
};

struct header {
	uint32_t isut, isstd, leap, time, type, text; /* counts */
};

static bool
read_header(const uint8_t *p, size_t len, struct header *ret)
{
	if (len < HEADER_LEN || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
		return false;
	*ret = (struct header){ big_endian_get_u32(p + 20), big_endian_get_u32(p + 24), big_endian_get_u32(p + 28),
		big_endian_get_u32(p + 32), big_endian_get_u32(p + 36), big_endian_get_u32(p + 40) };
	return ret->time <= TRANSITION_MAX && ret->type >= 1 && ret->type <= TYPE_MAX && ret->text <= 4096 && ret->leap <= 4096 &&
	       ret->isut <= TYPE_MAX && ret->isstd <= TYPE_MAX;
}

/* Bytes of a block behind its header. */
static size_t
block_len(const struct header *h, size_t time_len)
{
	return h->time * (time_len + 1) + h->type * 6u + h->text + h->leap * (time_len + 4) + h->isstd + h->isut;
}

/* p: the second block, behind its header. */
static bool
read_transitions(struct zone_data *z, const struct header *h, const uint8_t *p)
{
	const uint8_t *kinds = p + h->time * 8u, *types = kinds + h->time;

	z->first_offset_s = (int32_t)big_endian_get_u32(types);
	for (uint32_t i = 0; i < h->time; i++) {
		if (kinds[i] >= h->type)
			return false;
		z->transitions[i] = (struct transition){ (int64_t)big_endian_get_u64(p + i * 8u),
			(int32_t)big_endian_get_u32(types + kinds[i] * 6u) };
		if (i > 0 && z->transitions[i].unix_s <= z->transitions[i - 1].unix_s)
			return false;
	}
	z->count = h->time;
	return true;
}

/* "\nRULE\n"; an empty rule: nothing is known of later times. */
static bool
read_rule(struct zone_data *z, const char *p, size_t len)
{
	const char *end;

	if (len < 2 || p[0] != '\n' || (end = memchr(p + 1, '\n', len - 1)) == NULL)
		return false;
	z->has_rule = end > p + 1;
	return !z->has_rule || posix_zone_parse(p + 1, (size_t)(end - p - 1), &z->rule);
}

static enum err
fill(struct zone_data *z, const uint8_t *data, size_t len)
{
	struct header h;
	size_t at, end;

	if (!read_header(data, len, &h))
		return ERR_MALFORMED;
	at = HEADER_LEN + block_len(&h, 4);
	if (at > len || !read_header(data + at, len - at, &h) || h.leap > 0)
		return ERR_MALFORMED;
	at += HEADER_LEN;
	end = at + block_len(&h, 8);
	if (end > len)
		return ERR_MALFORMED;
	if ((z->transitions = calloc(h.time + 1, sizeof(*z->transitions))) == NULL)
		return ERR_NOMEM;
	if (!read_transitions(z, &h, data + at) || !read_rule(z, (const char *)data + end, len - end))
		return ERR_MALFORMED;
	return ERR_OK;
}

enum err
zone_data_read(const void *data, size_t len, struct zone_data **ret)
{
	struct zone_data *z;
	enum err e;

	if (len > ZONE_DATA_MAX)
		return ERR_MALFORMED;
	if ((z = calloc(1, sizeof(*z))) == NULL)
		return ERR_NOMEM;
	if ((e = fill(z, data, len)) != ERR_OK) {
		zone_data_free(z);
		return e;
	}
	*ret = z;
	return ERR_OK;
}

void
zone_data_free(struct zone_data *z)
{
	if (z == NULL)
		return;
	free(z->transitions);
	free(z);
}

int32_t
zone_data_offset(const struct zone_data *z, int64_t unix_s)
{
	size_t low = 0, high = z->count;

	if (z->has_rule && (z->count == 0 || unix_s >= z->transitions[z->count - 1].unix_s))
		return posix_zone_offset(&z->rule, unix_s);
	while (low < high) { /* the first one after unix_s */
		size_t middle = low + (high - low) / 2;

		if (z->transitions[middle].unix_s <= unix_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? z->transitions[low - 1].offset_s : z->first_offset_s;
}
