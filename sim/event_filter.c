/* singleValueExtendedProperties/Any(ep: ep/id eq 'X' and ep/value eq 'Y'), spaces as they come. */
#include "sim/event_filter.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sim/call.h"

/* Takes word at *at, with blanks before it; false when it does not stand there. */
static bool
take(const char **at, const char *word)
{
	const char *s = *at + strspn(*at, " ");

	if (strncasecmp(s, word, strlen(word)) != 0)
		return false;
	*at = s + strlen(word);
	return true;
}

/* 'text', a quote within it doubled. */
static bool
take_text(const char **at, char *ret, size_t ret_size)
{
	size_t n = 0;
	const char *s;

	if (!take(at, "'"))
		return false;
	for (s = *at; *s != '\0' && (*s != '\'' || s[1] == '\''); s++) {
		if (n + 1 >= ret_size)
			return false;
		ret[n++] = *s;
		s += *s == '\'';
	}
	ret[n] = '\0';
	*at = s + 1;
	return *s == '\'';
}

/* ep/value eq 'Y', or contains(ep/value,'Y'). */
static bool
take_value(const char **at, struct event_filter *f)
{
	f->op = take(at, "contains(") ? FILTER_CONTAINS : take(at, "startswith(") ? FILTER_STARTSWITH : FILTER_NONE;
	if (f->op != FILTER_NONE)
		return take(at, "ep/value") && take(at, ",") && take_text(at, f->value, sizeof(f->value)) && take(at, ")");
	if (!take(at, "ep/value "))
		return false;
	f->op = take(at, "eq ") ? FILTER_EQ : take(at, "ne ") ? FILTER_NE : FILTER_NONE;
	return f->op != FILTER_NONE && take_text(at, f->value, sizeof(f->value));
}

static bool
parse(const char *text, struct event_filter *f)
{
	return take(&text, "singleValueExtendedProperties/Any(") && take(&text, "ep:") && take(&text, "ep/id eq ") &&
	       take_text(&text, f->property, sizeof(f->property)) && take(&text, "and ") && take_value(&text, f) &&
	       take(&text, ")") && text[strspn(text, " ")] == '\0';
}

bool
event_filter_read(struct call *c, struct event_filter *ret)
{
	const char *text = call_query(c, "$filter");

	memset(ret, 0, sizeof(*ret));
	if (text == NULL || parse(text, ret))
		return true;
	call_refuse(
	    c, 400, "ErrorInvalidUrlQueryFilter", JOURNAL_BAD_REQUEST, "The query filter contains one or more invalid nodes.");
	return false;
}

static const struct tag *
tagged(const struct event_filter *f, const struct mailbox *box, size_t *ret_count)
{
	return tags_find(&box->tags, f->property, f->value, f->op == FILTER_STARTSWITH, ret_count);
}

static bool
has_index(const struct event_filter *f)
{
	return f->op == FILTER_EQ || f->op == FILTER_STARTSWITH;
}

size_t
event_filter_count(const struct event_filter *f, const struct mailbox *box)
{
	size_t count = box->count;

	if (has_index(f))
		tagged(f, box, &count);
	return count;
}

const struct event *
event_filter_at(const struct event_filter *f, const struct mailbox *box, size_t at)
{
	size_t count;

	return has_index(f) ? tagged(f, box, &count)[at].event : box->events[at];
}

/* Values compare without case. */
static bool
value_fits(const struct event_filter *f, const char *value)
{
	switch (f->op) {
	case FILTER_EQ: return strcasecmp(value, f->value) == 0;
	case FILTER_NE: return strcasecmp(value, f->value) != 0;
	case FILTER_CONTAINS: return strcasestr(value, f->value) != NULL;
	case FILTER_STARTSWITH: return strncasecmp(value, f->value, strlen(f->value)) == 0;
	default: return true;
	}
}

bool
event_filter_fits(const struct event_filter *f, const json_t *state)
{
	const json_t *list = jx_get_array(state, "singleValueExtendedProperties");

	if (f->op == FILTER_NONE)
		return true;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);

		if (strcmp(jx_get_str(p, "id"), f->property) == 0 && value_fits(f, jx_get_str(p, "value")))
			return true;
	}
	return false;
}
