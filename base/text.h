/*
 * text.h - a growing byte buffer with a ceiling and a sticky error, and small string helpers.
 *
 * After the first failure (no memory, ceiling) every later call does nothing: check text_err once.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct text {
	char *data; /* always NUL-terminated once something was added */
	size_t len;
	size_t cap;
	size_t max;
	enum err err;
};

void text_init(struct text *t, size_t max);
void text_done(struct text *t);  /* frees; t may be used again after text_init */
void text_reset(struct text *t); /* empties, keeps the memory, clears the error */
void text_add(struct text *t, const void *data, size_t len);
void text_adds(struct text *t, const char *s);
void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum err text_err(const struct text *t);
/* Gives the NUL-terminated content (caller frees) and empties t. NULL after an error. */
char *text_take(struct text *t);

/* Copies all of src or nothing: false (and ret empty) when it does not fit in ret_size with its NUL. */
bool str_copy(char *ret, size_t ret_size, const char *src);
bool str_copy_len(char *ret, size_t ret_size, const char *src, size_t src_len);
bool str_equal_nocase(const char *a, const char *b); /* ASCII only */
bool str_starts(const char *s, const char *prefix);
/* False for invalid UTF-8, also overlong forms and surrogates. */
bool utf8_valid(const char *s, size_t len);
/* Decodes one character into *ret: how many bytes it takes, 0 when len is 0 or they are not valid UTF-8. */
size_t utf8_char(const char *s, size_t len, uint32_t *ret);

/* Whole-string parsers; ERR_MALFORMED for anything else, ERR_INVALID out of range. */
enum err parse_u64(const char *s, uint64_t *ret);
enum err parse_duration_ms(const char *s, int64_t *ret); /* 250ms 90s 15m 1h 7d; the unit is obligatory */
enum err parse_size(const char *s, uint64_t *ret);       /* 64KiB 4MiB 1GiB 1TiB, plain number = bytes */
/* In the largest unit that parses back to the same value ("15m", "24h", "7d", "1MiB"); below zero counts as 0.
 * ret_size >= 32. */
void format_duration_ms(int64_t ms, char *ret, size_t ret_size);
void format_size(uint64_t bytes, char *ret, size_t ret_size);

/* For people: "45 s", "3 min", "2 h", "5 d", in the unit that fits; below zero counts as 0. */
#define SPAN_SIZE 32
void format_span(int64_t ms, char ret[SPAN_SIZE]);
/* For people: "512 KiB", "1.5 GiB". */
void format_size_short(uint64_t bytes, char ret[SPAN_SIZE]);

#endif
