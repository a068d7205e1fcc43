/*
 * ini_text.c - inih behind a reader that counts lines and has looked at each.
 *
 * inih goes on silently after a bad line, gives its handler no line number, takes an indented line for the rest of a
 * value, and drops what follows a section's bracket. So it is handed trimmed lines of a checked shape only.
 */
#include "base/ini_text.h"

#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct reading {
	const struct ini_events *events;
	const char *text;
	size_t text_len, at;
	int line;
};

static void
mistake(const struct reading *r, const char *what)
{
	r->events->mistake(r->events->arg, r->line, what);
}

/* line is trimmed and without a comment. */
static bool
section_check(const struct reading *r, const char *line)
{
	const char *end = strchr(line, ']');
	char section[64];

	if (end == NULL || end[1] != '\0') {
		mistake(r, end == NULL ? "the section's ']' is missing" : "nothing may follow the section's ']'");
		return end != NULL;
	}
	/* inih would cut a longer name, and might make a known one of it */
	if (!str_copy_len(section, sizeof(section), line + 1, (size_t)(end - line) - 1) || strlen(section) > 40)
		(void)str_copy(section, sizeof(section), "...");
	r->events->section(r->events->arg, r->line, section);
	return true;
}

/* May inih see this line? */
static bool
line_check(const struct reading *r, const char *line, size_t len)
{
	if (strlen(line) != len || !utf8_valid(line, len)) {
		mistake(r, "the line is not UTF-8 text");
		return false;
	}
	if (line[0] == '[')
		return section_check(r, line);
	if (line[0] == '\0' || strpbrk(line, "=:") != NULL)
		return true;
	mistake(r, "neither key = value, [section] nor a comment");
	return false;
}

/* Cuts a comment that fills the line or follows white space, and white space around the rest. */
static const char *
line_trim(char *line, size_t *len)
{
	const char *begin = line;

	for (size_t i = 0; i < *len; i++) {
		if ((line[i] == '#' || line[i] == ';') && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t'))
			*len = i;
	}
	while (*len > 0 && strchr(" \t\r", line[*len - 1]) != NULL && line[*len - 1] != '\0')
		--*len;
	line[*len] = '\0';
	for (; *len > 0 && (*begin == ' ' || *begin == '\t'); begin++)
		--*len;
	return begin;
}

/* inih's reader, as fgets: one line a call, NULL at the end. */
static char *
next_line(char *ret, int size, void *arg)
{
	struct reading *r = arg;
	const char *start = r->text + r->at, *newline, *trimmed;
	size_t len;

	if (r->at >= r->text_len)
		return NULL;
	newline = memchr(start, '\n', r->text_len - r->at);
	len = newline == NULL ? r->text_len - r->at : (size_t)(newline - start);
	r->at += len + (newline != NULL);
	r->line++;

	ret[0] = '\0';
	if (len + 3 > (size_t)size) { /* inih's buffer needs room for a line end of two and a NUL */
		mistake(r, "the line is longer than 4093 bytes");
		return ret;
	}
	memcpy(ret, start, len);
	trimmed = line_trim(ret, &len);
	if (!line_check(r, trimmed, len))
		ret[0] = '\0';
	else if (trimmed > ret)
		memmove(ret, trimmed, len + 1);
	return ret;
}

/* inih's handler: 1 always, for mistakes are reported elsewhere. */
static int
on_value(void *arg, const char *section, const char *key, const char *value)
{
	const struct reading *r = arg;

	r->events->value(r->events->arg, r->line, section, key, value);
	return 1;
}

enum err
ini_text_read(const char *text, size_t text_len, const struct ini_events *events)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	struct reading r = { .events = events, .text = text, .text_len = text_len };
	int result;

	if (str_starts(text, byte_order_mark))
		r.at = strlen(byte_order_mark);
	ini_max_line = INI_LINE_MAX + 3; /* a line end of two and a NUL */
	result = ini_parse_stream(next_line, &r, on_value, &r);
	if (result > 0) { /* a shape that only inih refuses */
		r.line = result;
		mistake(&r, "cannot be understood");
	}
	return result < 0 ? ERR_NOMEM : ERR_OK;
}
