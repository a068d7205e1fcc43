/*
 * text.c - growing text with a ceiling, and parsers of small values.
 *
 * Numbers are read digit by digit: strtol and its kin take signs, white space and locale that nobody meant.
 */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
text_init(struct text *t, size_t max)
{
	*t = (struct text){ .max = max };
}

void
text_done(struct text *t)
{
	free(t->data);
	*t = (struct text){ .max = t->max };
}

void
text_reset(struct text *t)
{
	t->len = 0;
	t->err = ERR_OK;
	if (t->data != NULL)
		t->data[0] = '\0';
}

/* Makes room for more bytes and a NUL; false (and the error sticks) when it cannot. */
static bool
text_grow(struct text *t, size_t more)
{
	size_t cap = t->cap < 64 ? 64 : t->cap;
	char *data;

	if (t->err != ERR_OK)
		return false;
	if (t->len > t->max || more > t->max - t->len) {
		t->err = ERR_TOOBIG;
		return false;
	}
	if (t->data != NULL && t->len + more < t->cap)
		return true;
	while (cap <= t->len + more) {
		if (cap > SIZE_MAX / 2) {
			t->err = ERR_TOOBIG;
			return false;
		}
		cap *= 2;
	}
	if ((data = realloc(t->data, cap)) == NULL) {
		t->err = ERR_NOMEM;
		return false;
	}
	t->data = data;
	t->cap = cap;
	return true;
}

void
text_add(struct text *t, const void *data, size_t len)
{
	if (!text_grow(t, len))
		return;
	if (len > 0)
		memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = '\0';
}

void
text_adds(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void
text_addf(struct text *t, const char *format, ...)
{
	va_list measure, print;
	int len;

	va_start(measure, format);
	va_copy(print, measure);
	len = vsnprintf(NULL, 0, format, measure);
	va_end(measure);
	if (len < 0 && t->err == ERR_OK)
		t->err = ERR_INVALID;
	else if (len >= 0 && text_grow(t, (size_t)len)) {
		(void)vsnprintf(t->data + t->len, (size_t)len + 1, format, print);
		t->len += (size_t)len;
	}
	va_end(print);
}

enum err
text_err(const struct text *t)
{
	return t->err;
}

char *
text_take(struct text *t)
{
	char *data;

	text_add(t, "", 0); /* so that an empty text is "" too */
	if (t->err != ERR_OK)
		return NULL;
	data = t->data;
	*t = (struct text){ .max = t->max };
	return data;
}

bool
str_copy_len(char *ret, size_t ret_size, const char *src, size_t src_len)
{
	if (ret_size == 0)
		return false;
	if (src_len >= ret_size) {
		ret[0] = '\0';
		return false;
	}
	memmove(ret, src, src_len); /* src may be ret itself */
	ret[src_len] = '\0';
	return true;
}

bool
str_copy(char *ret, size_t ret_size, const char *src)
{
	return str_copy_len(ret, ret_size, src, strnlen(src, ret_size));
}

static unsigned char
ascii_lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool
str_equal_nocase(const char *a, const char *b)
{
	for (; ascii_lower(*a) == ascii_lower(*b); a++, b++)
		if (*a == '\0')
			return true;
	return false;
}

bool
str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

size_t
utf8_char(const char *s, size_t len, uint32_t *ret)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)s;
	size_t n;
	uint32_t c;

	if (len == 0)
		return 0;
	n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;
	if (n == 0 || n > len)
		return 0;
	c = n == 1 ? u[0] : u[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3fu);
	}
	if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

bool
utf8_valid(const char *s, size_t len)
{
	uint32_t c;
	size_t n;

	for (size_t i = 0; i < len; i += n)
		if ((n = utf8_char(s + i, len - i, &c)) == 0)
			return false;
	return true;
}

/* Reads digits; gives the first character behind them. ERR_MALFORMED without a digit. */
static enum err
digits_read(const char *s, uint64_t *ret, const char **ret_end)
{
	uint64_t value = 0;
	bool over = false;
	const char *p = s;

	for (; *p >= '0' && *p <= '9'; p++)
		over |= __builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value);
	*ret = value;
	*ret_end = p;
	return p == s ? ERR_MALFORMED : over ? ERR_INVALID : ERR_OK;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, for formatting. */
static const struct unit duration_units[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

static const struct unit size_units[] = {
	{ "TiB", UINT64_C(1) << 40 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "", 1 },
};

#define UNIT_COUNT 5

static enum err
with_unit_parse(const char *s, const struct unit units[UNIT_COUNT], uint64_t *ret)
{
	const char *unit;
	uint64_t value;
	enum err e = digits_read(s, &value, &unit);

	if (e == ERR_MALFORMED)
		return e;
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(unit, units[i].name) != 0)
			continue;
		if (e == ERR_OK && __builtin_mul_overflow(value, units[i].factor, &value))
			e = ERR_INVALID;
		if (e == ERR_OK)
			*ret = value;
		return e;
	}
	return ERR_MALFORMED;
}

enum err
parse_u64(const char *s, uint64_t *ret)
{
	const char *end;
	uint64_t value;
	enum err e = digits_read(s, &value, &end);

	if (*end != '\0')
		return ERR_MALFORMED;
	if (e == ERR_OK)
		*ret = value;
	return e;
}

enum err
parse_duration_ms(const char *s, int64_t *ret)
{
	uint64_t ms;
	enum err e = with_unit_parse(s, duration_units, &ms);

	if (e == ERR_OK && ms > INT64_MAX)
		return ERR_INVALID;
	if (e == ERR_OK)
		*ret = (int64_t)ms;
	return e;
}

enum err
parse_size(const char *s, uint64_t *ret)
{
	return with_unit_parse(s, size_units, ret);
}

void
format_duration_ms(int64_t ms, char *ret, size_t ret_size)
{
	uint64_t value = ms < 0 ? 0 : (uint64_t)ms;
	size_t i = 0;

	if (value == 0) {
		(void)str_copy(ret, ret_size, "0s");
		return;
	}
	/* One day is written 24h, as people say it of a daily job; from two days on, days. */
	if (value < 2 * duration_units[0].factor)
		i = 1;
	while (value % duration_units[i].factor != 0)
		i++;
	(void)snprintf(ret, ret_size, "%llu%s", (unsigned long long)(value / duration_units[i].factor), duration_units[i].name);
}

void
format_size(uint64_t bytes, char *ret, size_t ret_size)
{
	size_t i = 0;

	while (bytes % size_units[i].factor != 0)
		i++;
	if (bytes == 0)
		i = UNIT_COUNT - 1;
	(void)snprintf(ret, ret_size, "%llu%s", (unsigned long long)(bytes / size_units[i].factor), size_units[i].name);
}

void
format_span(int64_t ms, char ret[SPAN_SIZE])
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {
		{ INT64_C(86400000), "d" },
		{ 3600000, "h" },
		{ 60000, "min" },
		{ 1000, "s" },
	};
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	while (i < 3 && ms < 2 * units[i].ms)
		i++;
	(void)snprintf(ret, SPAN_SIZE, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
}

void
format_size_short(uint64_t bytes, char ret[SPAN_SIZE])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	uint64_t tenths = bytes < UINT64_MAX / 10 ? bytes * 10 : UINT64_MAX;
	size_t i = 0;

	for (; tenths >= 10240 && i < 4; i++)
		tenths /= 1024;
	if (tenths % 10 == 0 || tenths >= 1000 || i == 0)
		(void)snprintf(ret, SPAN_SIZE, "%llu %s", (unsigned long long)(tenths / 10), units[i]);
	else
		(void)snprintf(ret, SPAN_SIZE, "%llu.%llu %s", (unsigned long long)(tenths / 10),
		    (unsigned long long)(tenths % 10), units[i]);
}
