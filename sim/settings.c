/* The settings table as JSON: numbers, but booleans and the spelling where the value is one. */
#include "sim/settings.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct row {
	const char *name;
	size_t offset;
	int64_t fallback, least, greatest;
} rows[] = {
#define X(name, fallback, least, greatest) { #name, offsetof(struct settings, name), fallback, least, greatest },
	SETTINGS_TABLE(X)
#undef X
};

#define ROW_COUNT (sizeof(rows) / sizeof(*rows))

static int64_t *
field(struct settings *s, const struct row *row)
{
	return (int64_t *)(void *)((char *)s + row->offset);
}

struct settings
sim_settings_default(void)
{
	struct settings s;

	for (size_t i = 0; i < ROW_COUNT; i++)
		*field(&s, &rows[i]) = rows[i].fallback;
	return s;
}

static const struct row *
find(const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static bool
value_of(const json_t *value, int64_t *ret)
{
	if (json_is_integer(value))
		*ret = json_integer_value(value);
	else if (json_is_boolean(value))
		*ret = json_is_true(value);
	else if (json_is_string(value) && strcmp(json_string_value(value), "plain") == 0)
		*ret = SPELLINGS_PLAIN;
	else if (json_is_string(value) && strcmp(json_string_value(value), "wild") == 0)
		*ret = SPELLINGS_WILD;
	else
		return false;
	return true;
}

enum err
sim_settings_change(struct settings *s, const json_t *change, char *why, size_t why_size)
{
	struct settings next = *s;
	const char *name;
	json_t *value;
	void *at = json_object_iter((json_t *)change);

	for (; at != NULL; at = json_object_iter_next((json_t *)change, at)) {
		const struct row *row;
		int64_t number;

		name = json_object_iter_key(at);
		value = json_object_iter_value(at);
		row = find(name);
		if (row == NULL || !value_of(value, &number) || number < row->least || number > row->greatest) {
			snprintf(why, why_size, row == NULL ? "no setting \"%s\"" : "\"%s\" is out of range", name);
			return ERR_INVALID;
		}
		*field(&next, row) = number;
	}
	*s = next;
	return ERR_OK;
}

static json_t *
show_one(const struct row *row, int64_t value)
{
	if (row->offset == offsetof(struct settings, spellings))
		return json_string(value == SPELLINGS_WILD ? "wild" : "plain");
	if (row->least == 0 && row->greatest == 1)
		return json_boolean(value != 0);
	return json_integer(value);
}

json_t *
sim_settings_show(const struct settings *s)
{
	struct settings copy = *s;
	json_t *o = json_object();

	for (size_t i = 0; i < ROW_COUNT; i++)
		json_object_set_new(o, rows[i].name, show_one(&rows[i], *field(&copy, &rows[i])));
	return o;
}
