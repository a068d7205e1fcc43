/* A list tried in order; the first match that is neither skipped, used up nor lucky strikes. */
#include "sim/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sim/memory.h"

static const char *const kind_names[] = {
#define X(name, text, notification) text,
	FAULT_TABLE(X)
#undef X
	    NULL
};

static const bool of_notification[] = {
#define X(name, text, notification) notification,
	FAULT_TABLE(X)
#undef X
};

static void
fault_free(struct fault *f)
{
	free(f->path);
	free(f);
}

void
faults_done(struct faults *f)
{
	for (size_t i = 0; i < f->count; i++)
		fault_free(f->list[i]);
	free(f->list);
	*f = (struct faults){ .next_id = f->next_id };
}

static void
read_matcher(struct jx_reader *r, struct fault *f)
{
	const char *text;

	if (jx_str(r, "method", false, 1, sizeof(f->method) - 1, &text))
		str_copy(f->method, sizeof(f->method), text);
	if (jx_str(r, "path", false, 1, 1024, &text))
		f->path = must_copy(text[0] == '/' ? text + 1 : text);
	if (jx_str(r, "subscription", false, 36, 36, &text))
		str_copy(f->subscription, sizeof(f->subscription), text);
	jx_int(r, "skip", false, 0, INT64_MAX, &f->skip);
	jx_int(r, "count", false, 0, INT64_MAX, &f->count);
}

static void
read_effect(struct jx_reader *r, struct fault *f, const json_t *o)
{
	const json_t *probability = json_object_get(o, "probability");
	const char *text;
	int64_t status = 503;
	double value = 1;

	/* jx has no fractions: taken from the object, then dropped from a copy by the caller. */
	if (probability != NULL && json_is_number(probability))
		value = json_number_value(probability);
	if (value < 0 || value > 1)
		jx_fail(r, "probability", "is not between 0 and 1");
	f->probability = value;
	jx_int(r, "status", false, 100, 599, &status);
	jx_int(r, "retry_after_s", false, 0, 86400, &f->retry_after_s);
	jx_int(r, "delay_ms", false, 0, INT64_MAX / 2, &f->delay_ms);
	if (jx_str(r, "code", false, 1, sizeof(f->code) - 1, &text))
		str_copy(f->code, sizeof(f->code), text);
	f->status = (int)status;
}

static void
explain(json_t *errors, char *why, size_t why_size)
{
	const json_t *first = json_array_get(errors, 0);
	const char *pointer = jx_get_str(first, "pointer"), *detail = jx_get_str(first, "detail");

	snprintf(why, why_size, "%s %s", pointer == NULL ? "" : pointer, detail == NULL ? "is not a fault" : detail);
	json_decref(errors);
}

enum err
faults_add(struct faults *faults, const json_t *o, uint64_t *ret_id, char *why, size_t why_size)
{
	json_t *copy = json_is_object(o) ? json_copy((json_t *)o) : json_object();
	struct fault *f = must_alloc(sizeof(*f));
	json_t *errors = NULL;
	struct jx_reader r;
	int kind = 0;

	json_object_del(copy, "probability");
	f->count = 1;
	f->retry_after_s = -1;
	jx_open(&r, copy);
	jx_enum(&r, "kind", true, kind_names, &kind);
	read_matcher(&r, f);
	read_effect(&r, f, o);
	f->kind = (enum fault_kind)kind;
	if (!jx_close(&r, &errors)) {
		explain(errors, why, why_size);
		json_decref(copy);
		fault_free(f);
		return ERR_INVALID;
	}
	json_decref(copy);
	*ret_id = f->id = ++faults->next_id;
	faults->list = must_grow(faults->list, faults->count, &faults->cap, sizeof(struct fault *));
	faults->list[faults->count++] = f;
	return ERR_OK;
}

bool
faults_remove(struct faults *f, uint64_t id)
{
	for (size_t i = 0; i < f->count; i++) {
		if (f->list[i]->id != id)
			continue;
		fault_free(f->list[i]);
		memmove(&f->list[i], &f->list[i + 1], (f->count - i - 1) * sizeof(struct fault *));
		f->count--;
		return true;
	}
	return false;
}

json_t *
faults_show(const struct faults *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->count; i++) {
		const struct fault *x = f->list[i];

		json_array_append_new(
		    list, json_pack("{s:I,s:s,s:s,s:s,s:I,s:I,s:f,s:I,s:I}", "id", (json_int_t)x->id, "kind", kind_names[x->kind],
		              "method", x->method, "path", x->path == NULL ? "" : x->path, "skip", (json_int_t)x->skip, "count",
		              (json_int_t)x->count, "probability", x->probability, "delay_ms", (json_int_t)x->delay_ms, "hits",
		              (json_int_t)x->hits));
	}
	return json_pack("{s:o}", "faults", list);
}

static bool
strikes(struct fault *f, struct rng *rng)
{
	if (f->count != 0 && f->hits >= f->count)
		return false;
	if (f->seen++ < f->skip)
		return false;
	if (f->probability < 1 && (double)rng_below(rng, 1000000) >= f->probability * 1000000)
		return false;
	f->hits++;
	return true;
}

static bool
path_begins(const struct fault *f, const char *path)
{
	if (f->path == NULL)
		return true;
	if (path[0] == '/')
		path++;
	return strncasecmp(path, f->path, strlen(f->path)) == 0;
}

const struct fault *
faults_for_request(struct faults *faults, struct rng *rng, const char *method, const char *path)
{
	for (size_t i = 0; i < faults->count; i++) {
		struct fault *f = faults->list[i];

		if (!of_notification[f->kind] && (f->method[0] == '\0' || strcmp(f->method, method) == 0) &&
		    path_begins(f, path) && strikes(f, rng))
			return f;
	}
	return NULL;
}

const struct fault *
faults_for_notification(struct faults *faults, struct rng *rng, const char *subscription, const char *resource)
{
	for (size_t i = 0; i < faults->count; i++) {
		struct fault *f = faults->list[i];

		if (of_notification[f->kind] && (f->subscription[0] == '\0' || strcmp(f->subscription, subscription) == 0) &&
		    path_begins(f, resource) && strikes(f, rng))
			return f;
	}
	return NULL;
}

static uint64_t
request_hash(const char *method, const char *path)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *method != '\0'; method++)
		h = (h ^ (unsigned char)*method) * 0x100000001b3u;
	for (h *= 31; *path != '\0'; path++)
		h = (h ^ (unsigned char)*path) * 0x100000001b3u;
	return h;
}

void
faults_hold(struct faults *f, const char *method, const char *path, int64_t until_ms)
{
	f->waits[f->next_wait++ % FAULTS_WAITS] = (struct faults_wait){ request_hash(method, path), until_ms };
}

bool
faults_too_early(const struct faults *f, const char *method, const char *path, int64_t now_ms)
{
	uint64_t request = f->next_wait > 0 ? request_hash(method, path) : 0;

	for (size_t i = 0; i < FAULTS_WAITS && i < f->next_wait; i++)
		if (f->waits[i].request == request && now_ms < f->waits[i].until_ms)
			return true;
	return false;
}
