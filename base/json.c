/*
 * json.c - the strict and the lenient way into a jansson value.
 *
 * jansson limits its own recursion, but far higher than anything we accept; nesting is therefore measured on the text
 * before anything is built from it.
 */
#include "base/json.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"

/* Enough for a person to act on; a body of a million mistakes must not make an answer of a hundred megabytes. */
#define ERRORS_MAX 50

#define SEEN_MAX (sizeof(((struct jx_reader *)NULL)->seen) / sizeof(const char *))

/* --- parsing --- */

static void __attribute__((format(printf, 3, 4))) tell(char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	if (why == NULL || why_size == 0)
		return;
	va_start(args, format);
	(void)vsnprintf(why, why_size, format, args);
	va_end(args);
}

/* The first position that is nested too deeply, or len. Strings are skipped; all other errors are jansson's. */
static size_t
depth_check(const char *data, size_t len)
{
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if ((c == '{' || c == '[') && ++depth > JSON_DEPTH_MAX)
			return i;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return len;
}

static void
position_find(const char *data, size_t at, unsigned *ret_line, unsigned *ret_column)
{
	*ret_line = *ret_column = 1;
	for (size_t i = 0; i < at; i++) {
		++*ret_column;
		if (data[i] == '\n') {
			++*ret_line;
			*ret_column = 1;
		}
	}
}

static void
text_cut(char *text, const char *from)
{
	char *at = strstr(text, from);

	if (at != NULL)
		*at = '\0';
}

enum err
jx_parse(const char *data, size_t len, json_t **ret, char *why, size_t why_size)
{
	json_error_t error;
	size_t too_deep = depth_check(data, len);
	unsigned line, column;

	*ret = NULL;
	if (too_deep < len) {
		position_find(data, too_deep, &line, &column);
		tell(why, why_size, "nested deeper than %d at line %u, column %u", JSON_DEPTH_MAX, line, column);
		return ERR_MALFORMED;
	}
	if ((*ret = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error)) != NULL)
		return ERR_OK;
	if (json_error_code(&error) == json_error_out_of_memory) {
		tell(why, why_size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	/* Without the piece of input that jansson quotes: it may be somebody's secret. */
	text_cut(error.text, " near '");
	text_cut(error.text, " without JSON_ALLOW_NUL");
	tell(why, why_size, "%s at line %d, column %d", error.text, error.line, error.column);
	return ERR_MALFORMED;
}

/* --- lenient --- */

const char *
jx_get_str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

int64_t
jx_get_int(const json_t *o, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(o, key);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool
jx_get_bool(const json_t *o, const char *key, bool fallback)
{
	const json_t *value = json_object_get(o, key);

	return json_is_boolean(value) ? json_is_true(value) : fallback;
}

json_t *
jx_get_array(const json_t *o, const char *key)
{
	json_t *value = json_object_get(o, key);

	return json_is_array(value) ? value : NULL;
}

json_t *
jx_get_object(const json_t *o, const char *key)
{
	json_t *value = json_object_get(o, key);

	return json_is_object(value) ? value : NULL;
}

const json_t *
jx_path(const json_t *o, ...)
{
	va_list keys;
	const char *key;

	va_start(keys, o);
	while (o != NULL && (key = va_arg(keys, const char *)) != NULL)
		o = json_object_get(o, key);
	va_end(keys);
	return o;
}

int
jx_set_str(json_t *o, const char *key, const char *value)
{
	return json_object_set_new(o, key, value == NULL ? json_null() : json_string(value));
}

int
jx_set_time(json_t *o, const char *key, int64_t unix_ms)
{
	char text[TIMESTAMP_SIZE];

	if (unix_ms <= 0)
		return jx_set_str(o, key, NULL);
	timestamp_format(unix_ms, text);
	return jx_set_str(o, key, text);
}

/* --- strict --- */

/* RFC 6901: ~ and / inside a name are written ~0 and ~1. Cut before the end of ret, never within a character. */
static void
pointer_extend(char *ret, size_t ret_size, const char *key)
{
	size_t len = strlen(ret), n;
	uint32_t c;

	if (len + 1 < ret_size)
		ret[len++] = '/';
	for (; (n = utf8_char(key, strnlen(key, 4), &c)) > 0 && c != '\0' && len + n + 1 < ret_size; key += n) {
		if (c == '~' || c == '/') {
			ret[len++] = '~';
			ret[len++] = c == '~' ? '0' : '1';
		} else {
			memcpy(ret + len, key, n);
			len += n;
		}
	}
	ret[len] = '\0';
}

static void __attribute__((format(printf, 3, 0)))
fail_at(struct jx_reader *r, const char *pointer, const char *format, va_list args)
{
	char detail[512];

	r->failed = true;
	(void)vsnprintf(detail, sizeof(detail), format, args);
	if (r->errors == NULL)
		r->errors = json_array();
	if (json_array_size(r->errors) < ERRORS_MAX)
		(void)json_array_append_new(r->errors, json_pack("{s:s, s:s}", "pointer", pointer, "detail", detail));
}

void
jx_fail(struct jx_reader *r, const char *key, const char *format, ...)
{
	char pointer[sizeof(r->pointer) + 256];
	va_list args;

	(void)str_copy(pointer, sizeof(pointer), r->pointer);
	if (key != NULL)
		pointer_extend(pointer, sizeof(pointer), key);
	va_start(args, format);
	fail_at(r, pointer, format, args);
	va_end(args);
}

void
jx_open_at(struct jx_reader *r, const json_t *root, const char *pointer)
{
	*r = (struct jx_reader){ .object = json_is_object(root) ? root : NULL };
	(void)str_copy(r->pointer, sizeof(r->pointer), pointer);
	if (r->object == NULL)
		jx_fail(r, NULL, "must be an object");
}

void
jx_open(struct jx_reader *r, const json_t *root)
{
	jx_open_at(r, root, "");
}

void
jx_absorb(struct jx_reader *r, json_t *errors)
{
	size_t i;
	json_t *error;

	if (errors == NULL)
		return;
	r->failed = true;
	if (r->errors == NULL)
		r->errors = json_array();
	json_array_foreach(errors, i, error) if (json_array_size(r->errors) < ERRORS_MAX)(void)
	    json_array_append(r->errors, error);
	json_decref(errors);
}

/* The member, or NULL when it is absent or null (noted if required). */
static const json_t *
member(struct jx_reader *r, const char *key, bool required)
{
	const json_t *value;

	if (r->object == NULL)
		return NULL;
	assert(r->seen_count < SEEN_MAX); /* our routes name their members; a body cannot add to them */
	r->seen[r->seen_count++] = key;
	value = json_object_get(r->object, key);
	if (json_is_null(value))
		value = NULL;
	if (value == NULL && required)
		jx_fail(r, key, "is required");
	return value;
}

bool
jx_str(struct jx_reader *r, const char *key, bool required, size_t min, size_t max, const char **ret)
{
	const json_t *value = member(r, key, required);
	size_t len;

	if (value == NULL)
		return false;
	if (!json_is_string(value)) {
		jx_fail(r, key, "must be a string");
		return false;
	}
	len = json_string_length(value);
	if (len < min || len > max) {
		if (len == 0)
			jx_fail(r, key, "must not be empty");
		else
			jx_fail(r, key, "must be %zu to %zu bytes long, is %zu", min, max, len);
		return false;
	}
	*ret = json_string_value(value);
	return true;
}

bool
jx_bool(struct jx_reader *r, const char *key, bool required, bool *ret)
{
	const json_t *value = member(r, key, required);

	if (value == NULL)
		return false;
	if (!json_is_boolean(value)) {
		jx_fail(r, key, "must be true or false");
		return false;
	}
	*ret = json_is_true(value);
	return true;
}

bool
jx_int(struct jx_reader *r, const char *key, bool required, int64_t min, int64_t max, int64_t *ret)
{
	const json_t *value = member(r, key, required);

	if (value == NULL)
		return false;
	if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max) {
		jx_fail(r, key, "must be a whole number from %lld to %lld", (long long)min, (long long)max);
		return false;
	}
	*ret = json_integer_value(value);
	return true;
}

bool
jx_array(struct jx_reader *r, const char *key, bool required, size_t max, const json_t **ret)
{
	const json_t *value = member(r, key, required);

	if (value == NULL)
		return false;
	if (!json_is_array(value)) {
		jx_fail(r, key, "must be an array");
		return false;
	}
	if (json_array_size(value) > max) {
		jx_fail(r, key, "must have at most %zu items, has %zu", max, json_array_size(value));
		return false;
	}
	*ret = value;
	return true;
}

static void
names_list(const char *const *names, char *ret, size_t ret_size)
{
	struct text list;

	text_init(&list, ret_size - 1);
	for (size_t i = 0; names[i] != NULL; i++)
		text_addf(&list, "%s%s", i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ", names[i]);
	(void)str_copy(ret, ret_size, list.data == NULL ? "" : list.data);
	text_done(&list);
}

bool
jx_enum(struct jx_reader *r, const char *key, bool required, const char *const *names, int *ret)
{
	const json_t *value = member(r, key, required);
	const char *text = json_string_value(value);
	char list[256];

	if (value == NULL)
		return false;
	for (int i = 0; text != NULL && names[i] != NULL; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	names_list(names, list, sizeof(list));
	jx_fail(r, key, "must be %s", list);
	return false;
}

static bool
was_seen(const struct jx_reader *r, const char *key)
{
	for (unsigned i = 0; i < r->seen_count; i++)
		if (strcmp(r->seen[i], key) == 0)
			return true;
	return false;
}

bool
jx_close(struct jx_reader *r, json_t **ret_errors)
{
	void *at = r->object == NULL ? NULL : json_object_iter((json_t *)(uintptr_t)r->object);

	for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)r->object, at))
		if (!was_seen(r, json_object_iter_key(at)))
			jx_fail(r, json_object_iter_key(at), "is not known here");
	if (ret_errors != NULL)
		*ret_errors = r->errors;
	else
		json_decref(r->errors);
	r->errors = NULL;
	return !r->failed;
}
