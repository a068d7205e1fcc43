/*
 * parsed.c - what Graph answers to renewals, lists of subscriptions and sign-ins is parsed once, not a dozen million times.
 *
 * Stands before jx_parse (ld --wrap) in property_year: a third of its time went into building the same trees over and over. What
 * is given is what parsing gives: the text is compared whole, but for what varies in it, which is put into the tree.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "sim/map.h"
#include "sim/memory.h"

/* What varies: what stands before it, and what it is like, where 0 is any digit. */
struct field {
	const char *name, *before, *like; /* like NULL: base64url and dots, until the closing quote */
};

#define FIELDS_MAX 3

/* Texts in which the same varies. */
static const struct kind {
	const char *begin;
	struct field fields[FIELDS_MAX];
	/* It is found by its length and so many of its bytes: at its beginning, or behind the first that varies, and at its end. */
	bool behind;
	size_t key_begin, key_end;
} kinds[] = {
	{ "{\"token_type\":", { { "access_token", "\"access_token\":\"", NULL } }, false, 80, 0 },
	/* What a token says: its tenant comes early. */
	{ "{\"aud\":",
	    { { "iat", "\"iat\":", "0000000000" }, { "nbf", "\"nbf\":", "0000000000" }, { "exp", "\"exp\":", "0000000000" } },
	    false, 160, 0 },
	/* A subscription's id follows its expiry; the end tells what kind of answer it is. */
	{ "{", { { "expirationDateTime", "\"expirationDateTime\":\"", "0000-00-00T00:00:00.000Z" } }, true, 64, 16 },
};

#define FIRST_WITHIN   256       /* bytes: a text whose first expiry comes later is none of these */
#define KEPT_MAX_BYTES (8 << 20) /* of text; subscriptions come and go: then it begins anew */
#define KEY_SIZE       192

/* One of what varies. Both are the tree's; value is held besides. */
struct place {
	size_t at, len; /* in the text */
	const struct field *field;
	json_t *object, *value;
};

struct parsed {
	char key[KEY_SIZE];
	const struct kind *kind;
	char *text;
	size_t len, count;
	json_t *tree;
	struct place place[];
};

enum err __real_jx_parse(const char *data, size_t len, json_t **ret, char *why, size_t why_size);
enum err __wrap_jx_parse(const char *data, size_t len, json_t **ret, char *why, size_t why_size);

static struct map kept;
static size_t kept_bytes;

static void
forget(struct parsed *p)
{
	kept_bytes -= p->len;
	for (size_t i = 0; i < p->count; i++)
		json_decref(p->place[i].value);
	json_decref(p->tree);
	free(p->text);
	free(p);
}

static void
forget_all(void)
{
	struct parsed *p;
	size_t at = 0;

	while ((p = sim_map_next(&kept, &at)) != NULL)
		forget(p);
	sim_map_done(&kept);
}

/* ---------- what varies ---------- */

/* Len bytes at s, where a value of that field was. */
static bool
is_like(const struct field *f, const char *s, size_t len)
{
	static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

	if (f->like == NULL)
		return strspn(s, base64url) == len;
	for (size_t i = 0; i < len; i++)
		if (f->like[i] == '0' ? !isdigit((unsigned char)s[i]) : s[i] != f->like[i])
			return false;
	return true;
}

/* The first value of that field in a text that begins at data; NULL = none. Texts end with a NUL or are followed by something. */
static const char *
value_find(const struct field *f, const char *data, size_t len, size_t *ret_len)
{
	size_t before_len = strlen(f->before);
	const char *at = memmem(data, len, f->before, before_len), *end;

	if (at == NULL)
		return NULL;
	at += before_len;
	end = f->like != NULL ? at + strlen(f->like) : memchr(at, '"', (size_t)(data + len - at));
	if (end == NULL || end >= data + len)
		return NULL;
	*ret_len = (size_t)(end - at);
	return at;
}

/* False: it is none of these. */
static bool
key_make(const struct kind *k, const char *data, size_t len, char ret[KEY_SIZE])
{
	const char *from = data;
	size_t left, begin, end, value_len;

	if (k->behind) {
		from = value_find(&k->fields[0], data, len < FIRST_WITHIN ? len : FIRST_WITHIN, &value_len);
		if (from == NULL)
			return false;
		from += value_len;
	}
	left = (size_t)(data + len - from);
	begin = left < k->key_begin ? left : k->key_begin;
	end = left - begin < k->key_end ? left - begin : k->key_end;
	memcpy(ret, from, begin);
	memcpy(ret + begin, data + len - end, end);
	for (ret += begin + end; len > 0; len /= 64)
		*ret++ = (char)('0' + len % 64);
	*ret = '\0';
	return true;
}

static const struct kind *
kind_of(const char *data, size_t len)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (len > strlen(kinds[i].begin) && memcmp(data, kinds[i].begin, strlen(kinds[i].begin)) == 0)
			return &kinds[i];
	return NULL;
}

/* ---------- a text that is known ---------- */

static bool
is_known(const struct parsed *p, const char *data, size_t len)
{
	size_t from = 0;

	if (p->len != len)
		return false;
	for (size_t i = 0; i < p->count; i++) {
		const struct place *at = &p->place[i];

		if (memcmp(p->text + from, data + from, at->at - from) != 0 || !is_like(at->field, data + at->at, at->len))
			return false;
		from = at->at + at->len;
	}
	return memcmp(p->text + from, data + from, len - from) == 0;
}

static bool
value_put(json_t *value, const char *text, size_t len)
{
	if (json_is_integer(value))
		return json_integer_set(value, strtoll(text, NULL, 10)) == 0;
	return json_string_setn_nocheck(value, text, len) == 0;
}

/* False: somebody still looks at it. */
static bool
values_put(struct parsed *p, const char *data)
{
	if (p->tree->refcount > 1)
		return false;
	for (size_t i = 0; i < p->count; i++)
		if ((p->place[i].object != p->tree && p->place[i].object->refcount > 1) || p->place[i].value->refcount > 2)
			return false;
	for (size_t i = 0; i < p->count; i++)
		if (!value_put(p->place[i].value, data + p->place[i].at, p->place[i].len))
			abort();
	return true;
}

/* ---------- a text that is new ---------- */

/* Of the tree: itself, or the items of a list. */
static json_t *
object_at(json_t *tree, size_t i)
{
	json_t *list = jx_get_array(tree, "value");

	return list != NULL ? json_array_get(list, i) : i == 0 ? tree : NULL;
}

static bool
agrees(const json_t *value, const char *text, size_t len)
{
	if (json_is_integer(value))
		return json_integer_value(value) == strtoll(text, NULL, 10);
	return json_string_length(value) == len && memcmp(json_string_value(value), text, len) == 0;
}

/* The next place in the text, behind from; false when there is none, or text and tree do not agree. */
static bool
place_find(const struct parsed *p, size_t from, size_t number, struct place *ret)
{
	bool list = p->kind->behind;
	const struct field *f = list ? &p->kind->fields[0] : &p->kind->fields[number];
	const char *at;

	if ((!list && number == FIELDS_MAX) || f->name == NULL ||
	    (at = value_find(f, p->text + from, p->len - from, &ret->len)) == NULL)
		return false;
	ret->at = (size_t)(at - p->text);
	ret->field = f;
	ret->object = object_at(p->tree, list ? number : 0);
	ret->value = json_object_get(ret->object, f->name);
	return is_like(f, at, ret->len) && agrees(ret->value, at, ret->len);
}

static size_t
count_places(const struct parsed *p)
{
	struct place place;
	size_t n = 0, from = 0;

	for (; place_find(p, from, n, &place); n++)
		from = place.at + place.len;
	return n;
}

/* Instead of what was kept by that key, if anything was. */
static void
keep(const struct kind *k, const char *key, const char *data, size_t len, json_t *tree)
{
	struct parsed view = { .kind = k, .text = (char *)(uintptr_t)data, .len = len, .tree = tree }, *p, *old;
	size_t count = count_places(&view);
	static bool begun;

	if (count == 0)
		return;
	if (!begun)
		(void)atexit(forget_all);
	begun = true;
	if (kept_bytes > KEPT_MAX_BYTES)
		forget_all();
	p = must_alloc(sizeof(*p) + count * sizeof(*p->place));
	*p = view;
	memcpy(p->key, key, sizeof(p->key));
	p->text = strndup(data, len);
	(void)json_incref(tree);
	for (size_t from = 0; p->count < count; p->count++) {
		struct place *place = &p->place[p->count];

		(void)place_find(p, from, p->count, place);
		(void)json_incref(place->value);
		from = place->at + place->len;
	}
	kept_bytes += len;
	old = sim_map_get(&kept, p->key);
	sim_map_put(&kept, p->key, p);
	if (old != NULL)
		forget(old);
}

enum err
__wrap_jx_parse(const char *data, size_t len, json_t **ret, char *why, size_t why_size)
{
	const struct kind *k = kind_of(data, len);
	struct parsed *p;
	char key[KEY_SIZE];
	bool known;
	enum err e;

	if (k == NULL || !key_make(k, data, len, key))
		return __real_jx_parse(data, len, ret, why, why_size);
	p = sim_map_get(&kept, key);
	known = p != NULL && is_known(p, data, len);
	if (known && values_put(p, data)) {
		*ret = json_incref(p->tree);
		return ERR_OK;
	}
	e = __real_jx_parse(data, len, ret, why, why_size);
	if (e == ERR_OK && !known)
		keep(k, key, data, len, *ret);
	return e;
}
