/* problem.c - problem details from one table of kinds. */
#include "app/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct {
	const char *type;
	int status;
	const char *title;
} kinds[] = {
#define X(name, type, status, title) { type, status, title },
	PROBLEM_TABLE(X)
#undef X
};

static const struct {
	enum err err;
	enum problem_kind kind;
} by_err[] = {
	{ ERR_NOTFOUND, PROBLEM_UNKNOWN_PATH },
	{ ERR_CONFLICT, PROBLEM_ERG_CONFLICT },
	{ ERR_EXISTS, PROBLEM_ERG_CONFLICT },
	{ ERR_INVALID, PROBLEM_BAD_BODY },
	{ ERR_MALFORMED, PROBLEM_BAD_PARAMETER },
	{ ERR_FULL, PROBLEM_STORE_FULL },
	{ ERR_UNSUPPORTED, PROBLEM_UNSUPPORTED },
};

/* The other way round: what an operation returns that refuses with a status. */
static enum err
err_of_status(int status)
{
	switch (status) {
	case 400: return ERR_MALFORMED;
	case 401: return ERR_UNAUTHORIZED;
	case 404: return ERR_NOTFOUND;
	case 409: return ERR_CONFLICT;
	case 410: return ERR_NOTFOUND;
	case 422: return ERR_INVALID;
	case 501: return ERR_UNSUPPORTED;
	case 503: return ERR_FULL;
	default: return ERR_IO;
	}
}

enum problem_kind
problem_of_err(enum err e)
{
	for (size_t i = 0; i < sizeof(by_err) / sizeof(by_err[0]); i++)
		if (by_err[i].err == e)
			return by_err[i].kind;
	return PROBLEM_INTERNAL;
}

int
problem_status(enum problem_kind kind)
{
	return kinds[(unsigned)kind < PROBLEM_COUNT ? kind : PROBLEM_INTERNAL].status;
}

enum err
problem_set(struct problem *p, enum problem_kind kind, const char *format, ...)
{
	va_list args;

	p->kind = kind;
	va_start(args, format);
	vsnprintf(p->detail, sizeof(p->detail), format, args);
	va_end(args);
	return err_of_status(problem_status(kind));
}

enum err
problem_field(struct problem *p, const char *pointer, const char *format, ...)
{
	va_list args;

	p->kind = PROBLEM_BAD_BODY;
	if (p->field_count < PROBLEM_FIELDS_MAX) {
		struct problem_field *f = &p->fields[p->field_count++];

		snprintf(f->pointer, sizeof(f->pointer), "%s", pointer);
		va_start(args, format);
		vsnprintf(f->detail, sizeof(f->detail), format, args);
		va_end(args);
	}
	return ERR_INVALID;
}

/* A sentence that was cut to its buffer may end within a character; the rest of it still counts. */
static json_t *
sentence(const char *s)
{
	size_t len = 0, step;
	size_t end = strlen(s);
	uint32_t c;

	while ((step = utf8_char(s + len, end - len, &c)) > 0)
		len += step;
	return json_stringn(s, len);
}

static json_t *
fields_json(const struct problem *p)
{
	json_t *list = json_array();

	for (unsigned i = 0; list != NULL && i < p->field_count; i++) {
		json_t *field = json_object();

		if (json_object_set_new(field, "pointer", sentence(p->fields[i].pointer)) != 0 ||
		    json_object_set_new(field, "detail", sentence(p->fields[i].detail)) != 0) {
			json_decref(field);
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, field);
	}
	return list;
}

json_t *
problem_json(const struct problem *p, const json_t *errors)
{
	enum problem_kind kind = (unsigned)p->kind < PROBLEM_COUNT ? p->kind : PROBLEM_INTERNAL;
	char type[96];
	json_t *o = json_object();
	int bad = o == NULL;

	snprintf(type, sizeof(type), PROBLEM_TYPE_PREFIX "%s", kinds[kind].type);
	bad |= json_object_set_new(o, "type", json_string(type));
	bad |= json_object_set_new(o, "title", json_string(kinds[kind].title));
	bad |= json_object_set_new(o, "status", json_integer(kinds[kind].status));
	if (p->detail[0] != '\0')
		bad |= json_object_set_new(o, "detail", sentence(p->detail));
	else if (p->field_count > 0 || errors != NULL)
		bad |= json_object_set_new(o, "detail", json_string("See errors for each field."));
	if (p->field_count > 0)
		bad |= json_object_set_new(o, "errors", fields_json(p));
	else if (errors != NULL)
		bad |= json_object_set_new(o, "errors", json_deep_copy(errors));
	if (p->resync[0] != '\0')
		bad |= json_object_set_new(o, "resync", json_string(p->resync));
	if (bad == 0)
		return o;
	json_decref(o);
	return NULL;
}
