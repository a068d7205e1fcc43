/*
 * json.h - typed access to JSON that came from somebody else.
 *
 * Two tempers. A jx_reader is strict and collects every mistake with its JSON pointer: for the app
 * API and control files. The jx_get_* functions are lenient and answer "absent" for a missing
 * or mistyped member: for Graph, which adds fields at will.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define JSON_DEPTH_MAX 64

/* Parses one whole document, duplicates refused, depth at most JSON_DEPTH_MAX. On failure *ret is NULL and
 * why (when given, of why_size) says what is wrong at which line and column. Gives *ret. */
enum err jx_parse(const char *data, size_t len, json_t **ret, char *why, size_t why_size);

/* Lenient: NULL or fallback when absent, null or of another type. What is given back is borrowed from o. */
const char *jx_get_str(const json_t *o, const char *key);
int64_t jx_get_int(const json_t *o, const char *key, int64_t fallback);
bool jx_get_bool(const json_t *o, const char *key, bool fallback);
json_t *jx_get_array(const json_t *o, const char *key);
json_t *jx_get_object(const json_t *o, const char *key);
/* Walks objects: jx_path(o, "error", "innerError", "code", NULL). */
const json_t *jx_path(const json_t *o, ...) __attribute__((sentinel));

/* Sets key to a string, or to null for NULL. Both return 0, or -1 when out of memory or not UTF-8. */
int jx_set_str(json_t *o, const char *key, const char *value);
int jx_set_time(json_t *o, const char *key, int64_t unix_ms); /* 0 and below: null */

/* Strict reading. The reader borrows root. Errors are collected as [{"pointer","detail"}]. */
struct jx_reader {
	const json_t *object;
	char pointer[256];
	json_t *errors;       /* owned; NULL while none */
	const char *seen[64]; /* members asked for: jx_close refuses all others */
	unsigned seen_count;
	bool failed;
};

void jx_open(struct jx_reader *r, const json_t *root); /* root not an object: an error at "" */
/* The same for a part of a document, where pointer is its place in the whole ("/members/3"), shorter than 256. */
void jx_open_at(struct jx_reader *r, const json_t *root, const char *pointer);
/* Adds the errors of a part, as jx_close gave them. Takes errors; NULL is fine. */
void jx_absorb(struct jx_reader *r, json_t *errors);
/* Each notes an error and returns false when the member is missing (if required), mistyped or out of range.
 * Absent (or null) and optional: false without an error. Strings are borrowed from root, lengths are in bytes. */
bool jx_str(struct jx_reader *r, const char *key, bool required, size_t min, size_t max, const char **ret);
bool jx_bool(struct jx_reader *r, const char *key, bool required, bool *ret);
bool jx_int(struct jx_reader *r, const char *key, bool required, int64_t min, int64_t max, int64_t *ret);
bool jx_array(struct jx_reader *r, const char *key, bool required, size_t max, const json_t **ret);
/* A string that must be one of names (NULL-terminated); *ret is its index. The error lists the names. */
bool jx_enum(struct jx_reader *r, const char *key, bool required, const char *const *names, int *ret);
/* Notes an error of the caller's at a member; key NULL: at the object itself. At most 50 errors are kept. */
void jx_fail(struct jx_reader *r, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Refuses members nobody asked for. True when nothing failed. Gives the errors (or NULL) in *ret_errors when not NULL, else frees them. */
bool jx_close(struct jx_reader *r, json_t **ret_errors);

#endif
