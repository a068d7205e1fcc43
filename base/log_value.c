/*
 * log_value.c - redaction works on what values look like, not on which key they have: secrets reach logs inside other people's
 * error texts. It prefers to redact too much.
 */
#include "base/log_value.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/text.h"

#define REDACTED "[redacted]"

void
log_line_add(struct log_line *line, const char *data, size_t len)
{
	size_t room = line->size - line->len - 1;

	if (len > room)
		len = room;
	memcpy(line->data + line->len, data, len);
	line->len += len;
	line->data[line->len] = '\0';
}

void
log_line_adds(struct log_line *line, const char *s)
{
	log_line_add(line, s, strlen(s));
}

void
log_line_addf(struct log_line *line, const char *format, ...)
{
	char small[64];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	log_line_adds(line, small);
}

/* --- what looks secret --- */

static bool
is_base64_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '+' ||
	       c == '/' || c == '=';
}

static bool
is_token_char(char c)
{
	return is_base64_char(c) || c == '.' || c == '~' || c == '%';
}

/* What may stand in an address, also in one that is percent-encoded or not ASCII. */
static bool
is_address_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("@.!#$%*+-_~^{}|`", c) != NULL);
}

static size_t
run_of(const char *s, bool (*belongs)(char c))
{
	size_t n = 0;

	while (s[n] != '\0' && belongs(s[n]))
		n++;
	return n;
}

static bool
starts_nocase(const char *s, const char *lower_prefix)
{
	for (; *lower_prefix != '\0'; s++, lower_prefix++)
		if ((*s >= 'A' && *s <= 'Z' ? *s - 'A' + 'a' : *s) != *lower_prefix)
			return false;
	return true;
}

/* "eyJ" is the base64 of '{"', with which each part of a JWT but the last begins. */
static size_t
jwt_len(const char *s)
{
	size_t n = str_starts(s, "eyJ") ? run_of(s, is_token_char) : 0;

	return n >= 16 ? n : 0;
}

static size_t
whsec_len(const char *s)
{
	return str_starts(s, "whsec_") ? run_of(s, is_token_char) : 0;
}

/* A whole one has 86 characters behind its prefix; half of one is no one's business either. */
static size_t
client_state_len(const char *s)
{
	size_t n = str_starts(s, "v1.") ? 3 + run_of(s + 3, is_base64_char) : 0;

	return n >= 3 + 32 ? n : 0;
}

/* The scheme stays, what follows goes. */
static size_t
credentials_prefix(const char *s)
{
	size_t n = starts_nocase(s, "bearer") ? 6 : starts_nocase(s, "basic") ? 5 : 0;
	size_t blanks = n == 0 ? 0 : strspn(s + n, " \t:");

	return blanks > 0 && run_of(s + n + blanks, is_token_char) >= 8 ? n + blanks : 0;
}

static size_t
address_len(const char *s)
{
	size_t n = run_of(s, is_address_char);

	for (size_t i = 0; i < n; i++)
		if (s[i] == '@' || strncmp(s + i, "%40", 3) == 0)
			return n;
	return 0;
}

/* --- values --- */

/* Line and paragraph separators, C1 controls and what turns the direction of text around. */
static bool
is_deceptive(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static bool
needs_quotes(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || *s == '"' || *s == '=' || *s == '\\')
			return true;
	return false;
}

/* Writes the character at s, escaped if it must be; gives its bytes in s. */
static size_t
char_escape(const char *s, size_t len, char ret[16])
{
	uint32_t c;
	size_t n = utf8_char(s, len, &c);

	if (n == 0) {
		(void)snprintf(ret, 16, "\\x%02x", (unsigned)(unsigned char)*s);
		return 1;
	}
	if (c == '\n' || c == '\t' || c == '"' || c == '\\')
		(void)snprintf(ret, 16, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : (int)c);
	else if (is_deceptive(c))
		(void)snprintf(ret, 16, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
	else
		(void)str_copy_len(ret, 16, s, n);
	return n;
}

/* How many bytes at s to replace; *ret_keep of them, at the front, are to stay. word: no address goes on from the left. */
static size_t
secret_len(const char *s, bool word, size_t *ret_keep)
{
	static size_t (*const looks[])(const char *s) = { jwt_len, whsec_len, client_state_len };
	size_t n;

	*ret_keep = 0;
	if (word && (n = address_len(s)) > 0)
		return n;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if ((n = looks[i](s)) > 0)
			return n;
	if ((*ret_keep = credentials_prefix(s)) > 0)
		return *ret_keep + run_of(s + *ret_keep, is_token_char);
	return 0;
}

void
log_line_value(struct log_line *line, const char *s)
{
	size_t len = strlen(s), room = LOG_VALUE_MAX, start = line->len;
	bool word = true;

	for (size_t i = 0; i < len;) {
		char piece[16];
		size_t keep, secret = secret_len(s + i, word, &keep), piece_len;

		if (secret > 0) {
			log_line_add(line, s + i, keep);
			log_line_adds(line, REDACTED);
			i += secret;
			word = true;
		} else {
			word = !is_address_char(s[i]);
			i += char_escape(s + i, len - i, piece);
			piece_len = strlen(piece);
			if (line->len - start + piece_len > room) {
				log_line_adds(line, "...");
				return;
			}
			log_line_add(line, piece, piece_len);
		}
	}
}

void
log_line_quoted(struct log_line *line, const char *s)
{
	bool quoted;

	if (s == NULL) {
		log_line_adds(line, "-");
		return;
	}
	quoted = *s == '\0' || needs_quotes(s);
	if (quoted)
		log_line_adds(line, "\"");
	log_line_value(line, s);
	if (quoted)
		log_line_adds(line, "\"");
}
