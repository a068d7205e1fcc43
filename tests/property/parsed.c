/*
 * parsed.c - what Graph answers to renewals and lists of subscriptions is parsed once, not a dozen million times.
 *
 * Stands before jx_parse (ld --wrap) in property_year: a third of its time went into building the same trees over and over. What
 * is given is what parsing gives: the text is compared whole, but for the expiries, which are put into the tree.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "sim/map.h"
#include "sim/memory.h"

#define TIME_NAME      "expirationDateTime"
#define TIME_BEGIN     "\"" TIME_NAME "\":\""
#define TIME_LEN       (sizeof("2026-11-22T18:23:45.935Z") - 1)
#define WORTH_IT       256       /* bytes; what is shorter is parsed as it comes */
#define TIMES_MAX      100       /* in one text: a page of a list */
#define KEPT_MAX_BYTES (8 << 20) /* of text; subscriptions come and go: then it begins anew */

struct parsed {
	char *rest; /* the text, its times blotted out */
	json_t *tree;
};

/* A text that may be known. */
struct found {
	char *rest;
	const char *times[TIMES_MAX];
	size_t count;
};

enum err __real_jx_parse(const char *data, size_t len, json_t **ret, char *why, size_t why_size);
enum err __wrap_jx_parse(const char *data, size_t len, json_t **ret, char *why, size_t why_size);

static struct map kept;
static size_t kept_bytes;

static void
forget_all(void)
{
	struct parsed *p;
	size_t at = 0;

	while ((p = sim_map_next(&kept, &at)) != NULL) {
		json_decref(p->tree);
		free(p->rest);
		free(p);
	}
	sim_map_done(&kept);
	kept_bytes = 0;
}

/* Takes rest. */
static void
keep(char *rest, json_t *tree)
{
	struct parsed *p = must_alloc(sizeof(*p));
	static bool begun;

	if (!begun)
		(void)atexit(forget_all);
	begun = true;
	if (kept_bytes > KEPT_MAX_BYTES)
		forget_all();
	kept_bytes += strlen(rest);
	p->rest = rest;
	p->tree = json_incref(tree);
	sim_map_put(&kept, p->rest, p);
}

/* False: there are no times in it, or they are not as Graph writes them. The caller frees rest. */
static bool
find_times(const char *data, size_t len, struct found *f)
{
	const char *end, *at;

	*f = (struct found){ .rest = NULL };
	if (len < WORTH_IT || memchr(data, '\\', len) != NULL || (f->rest = strndup(data, len)) == NULL)
		return false;
	end = f->rest + strlen(f->rest);
	for (at = f->rest; (at = strstr(at, TIME_BEGIN)) != NULL; f->count++) {
		at += sizeof(TIME_BEGIN) - 1;
		if (f->count == TIMES_MAX || (size_t)(end - at) <= TIME_LEN || at[TIME_LEN] != '"')
			return false;
		f->times[f->count] = data + (at - f->rest);
		memset(f->rest + (at - f->rest), 'x', TIME_LEN);
	}
	return f->count > 0 && (size_t)(end - f->rest) == len;
}

/* Of the tree: itself, or the items of a list. */
static json_t *
object_at(json_t *tree, const struct found *f, size_t i)
{
	const json_t *list = jx_get_array(tree, "value");

	if (list == NULL)
		return f->count == 1 ? tree : NULL;
	return json_array_size(list) == f->count ? json_array_get(list, i) : NULL;
}

static bool
put_times(json_t *tree, const struct found *f)
{
	if (tree->refcount > 1)
		return false; /* somebody still looks at it */
	for (size_t i = 0; i < f->count; i++)
		if (json_object_set_new(object_at(tree, f, i), TIME_NAME, json_stringn(f->times[i], TIME_LEN)) != 0)
			return false;
	return true;
}

enum err
__wrap_jx_parse(const char *data, size_t len, json_t **ret, char *why, size_t why_size)
{
	struct parsed *p = NULL;
	struct found f;
	enum err e;

	if (!find_times(data, len, &f)) {
		free(f.rest);
		return __real_jx_parse(data, len, ret, why, why_size);
	}
	if ((p = sim_map_get(&kept, f.rest)) != NULL && put_times(p->tree, &f)) {
		free(f.rest);
		*ret = json_incref(p->tree);
		return ERR_OK;
	}
	e = __real_jx_parse(data, len, ret, why, why_size);
	if (e == ERR_OK && p == NULL && object_at(*ret, &f, 0) != NULL)
		keep(f.rest, *ret);
	else
		free(f.rest);
	return e;
}
