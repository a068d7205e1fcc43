/*
 * ini_text.h - an INI file's text as a sequence of sections and values, each with its line.
 *
 * "[section]", "key = value" or "key: value"; "#" and ";" begin a comment at a line's start or behind white space;
 * lines may be indented. Lines of another shape are reported and skipped, so that one reading finds every mistake.
 * Not safe from two threads at once: inih keeps its settings in globals.
 */
#ifndef BASE_INI_TEXT_H
#define BASE_INI_TEXT_H

#include <stddef.h>

#include "base/err.h"

#define INI_LINE_MAX 4093 /* bytes, without the line end */

struct ini_events {
	void (*section)(void *arg, int line, const char *section);
	/* section is "" before the first one. All strings are borrowed for the call. */
	void (*value)(void *arg, int line, const char *section, const char *key, const char *value);
	void (*mistake)(void *arg, int line, const char *what);
	void *arg;
};

/* text is NUL-terminated behind text_len and may begin with a byte order mark. ERR_NOMEM or ERR_OK. */
enum err ini_text_read(const char *text, size_t text_len, const struct ini_events *events);

#endif
