/* document.c - parts are numbered from 0; each names the length of the whole, so that a missing one shows. */
#include "state/document.h"

#include <stdlib.h>
#include <string.h>

#define PART_MAX (DOCUMENT_PART_SIZE - 1)

static struct store_key
part_key(const struct store_key *key, uint64_t part)
{
	struct store_key k = *key;

	store_key_u64(&k, part);
	return k;
}

/* An empty document has one part. */
static uint64_t
part_count(size_t len)
{
	return len == 0 ? 1 : (len + PART_MAX - 1) / PART_MAX;
}

/* ERR_CORRUPT unless text is the part of a document of len bytes that begins at at. */
static enum err
append(const struct document_part *p, char *ret, size_t len, size_t at)
{
	size_t part_len = strlen(p->text), due = len - at < PART_MAX ? len - at : PART_MAX;

	if (p->len != len || part_len != due)
		return ERR_CORRUPT;
	memcpy(ret + at, p->text, part_len);
	return ERR_OK;
}

static enum err
read_parts(struct store *s, enum table t, const struct store_key *key, struct document_part *p, char *ret, size_t len)
{
	uint64_t count = part_count(len);
	enum err e = append(p, ret, len, 0);

	for (uint64_t i = 1; i < count && e == ERR_OK; i++) {
		struct store_key k = part_key(key, i);

		e = store_get(s, t, &k, p);
		if (e == ERR_OK)
			e = append(p, ret, len, i * PART_MAX);
	}
	ret[len] = '\0';
	return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
}

enum err
document_get(struct store *s, enum table t, const struct store_key *key, char **ret, size_t *ret_len)
{
	struct document_part *p = malloc(sizeof(*p));
	struct store_key k = part_key(key, 0);
	char *text = NULL;
	size_t len;
	enum err e;

	if (p == NULL)
		return ERR_NOMEM;
	if ((e = store_get(s, t, &k, p)) != ERR_OK)
		goto out;
	e = ERR_CORRUPT;
	if (p->len > DOCUMENT_MAX)
		goto out;
	len = (size_t)p->len;
	e = ERR_NOMEM;
	if ((text = malloc(len + 1)) == NULL || (e = read_parts(s, t, key, p, text, len)) != ERR_OK)
		goto out;
	*ret = text;
	*ret_len = len;
	text = NULL;
out:
	free(text);
	free(p);
	return e;
}

/* From part number on: there is no gap before the last one. */
static void
del_from(struct store *s, enum table t, const struct store_key *key, uint64_t part)
{
	for (; part < part_count(DOCUMENT_MAX); part++) {
		struct store_key k = part_key(key, part);

		if (!store_has(s, t, &k))
			return;
		store_del(s, t, &k);
	}
}

enum err
document_put(struct store *s, enum table t, const struct store_key *key, const char *text, size_t len)
{
	struct document_part *p;
	uint64_t count = part_count(len);

	if (len > DOCUMENT_MAX || memchr(text, 0, len) != NULL)
		return ERR_TOOBIG;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return ERR_NOMEM;
	p->len = len;
	for (uint64_t i = 0; i < count; i++) {
		struct store_key k = part_key(key, i);
		size_t at = i * PART_MAX, part_len = len - at < PART_MAX ? len - at : PART_MAX;

		memcpy(p->text, text + at, part_len);
		p->text[part_len] = '\0';
		store_put(s, t, &k, p);
	}
	free(p);
	del_from(s, t, key, count);
	return ERR_OK;
}

void
document_del(struct store *s, enum table t, const struct store_key *key)
{
	del_from(s, t, key, 0);
}
