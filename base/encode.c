/* encode.c - base64 in both alphabets, hex, percent-encoding. */
#include "base/encode.h"

#include <stdbool.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Gives the end of what it wrote, NUL-terminated. */
static char *
encode64(const uint8_t *data, size_t len, const char *letters, char *ret)
{
	size_t i = 0;

	for (; i + 3 <= len; i += 3) {
		uint32_t v = (uint32_t)data[i] << 16 | (uint32_t)data[i + 1] << 8 | data[i + 2];

		*ret++ = letters[v >> 18];
		*ret++ = letters[v >> 12 & 63];
		*ret++ = letters[v >> 6 & 63];
		*ret++ = letters[v & 63];
	}
	if (i < len) {
		uint32_t v = (uint32_t)data[i] << 16 | (i + 1 < len ? (uint32_t)data[i + 1] << 8 : 0);

		*ret++ = letters[v >> 18];
		*ret++ = letters[v >> 12 & 63];
		if (i + 1 < len)
			*ret++ = letters[v >> 6 & 63];
	}
	*ret = '\0';
	return ret;
}

void
base64_encode(const void *data, size_t len, char *ret)
{
	char *end = encode64(data, len, alphabet, ret);

	for (; (end - ret) % 4 != 0; end++)
		*end = '=';
	*end = '\0';
}

void
base64url_encode(const void *data, size_t len, char *ret)
{
	(void)encode64(data, len, alphabet_url, ret);
}

/* 0 to 63, or -1. c62 and c63 are the two letters in which the alphabets differ. */
static int
value64(char c, char c62, char c63)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == c62 ? 62 : c == c63 ? 63 : -1;
}

/* Without padding. */
static enum err
decode64(const char *src, size_t src_len, const char last[2], uint8_t *ret, size_t *ret_len)
{
	uint32_t bits = 0;
	unsigned bit_count = 0;
	size_t len = 0;

	if (src_len % 4 == 1)
		return ERR_MALFORMED;
	for (size_t i = 0; i < src_len; i++) {
		int v = value64(src[i], last[0], last[1]);

		if (v < 0)
			return ERR_MALFORMED;
		bits = (bits << 6 | (uint32_t)v) & 0xffff;
		bit_count += 6;
		if (bit_count >= 8) {
			bit_count -= 8;
			ret[len++] = (uint8_t)(bits >> bit_count);
		}
	}
	if ((bits & ((1u << bit_count) - 1)) != 0)
		return ERR_MALFORMED;
	*ret_len = len;
	return ERR_OK;
}

enum err
base64_decode(const char *src, size_t src_len, uint8_t *ret, size_t *ret_len)
{
	if (src_len % 4 != 0)
		return ERR_MALFORMED;
	for (int padding = 0; padding < 2 && src_len > 0 && src[src_len - 1] == '='; padding++)
		src_len--;
	return decode64(src, src_len, "+/", ret, ret_len);
}

enum err
base64url_decode(const char *src, size_t src_len, uint8_t *ret, size_t *ret_len)
{
	return decode64(src, src_len, "-_", ret, ret_len);
}

void
hex_encode(const void *data, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 15];
	}
	*ret = '\0';
}

int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte two digits spell, or -1. */
static int
hex_byte(const char *s)
{
	int high = hex_value(s[0]), low = hex_value(s[1]);

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

enum err
hex_decode(const char *src, size_t src_len, uint8_t *ret)
{
	if (src_len % 2 != 0)
		return ERR_MALFORMED;
	for (size_t i = 0; i < src_len; i += 2) {
		int byte = hex_byte(src + i);

		if (byte < 0)
			return ERR_MALFORMED;
		ret[i / 2] = (uint8_t)byte;
	}
	return ERR_OK;
}

static bool
is_unreserved(char c)
{
	return value64(c, '-', '_') >= 0 || c == '.' || c == '~';
}

void
percent_encode(struct text *t, const char *s)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *end;

	for (; *s != '\0'; s = end) {
		for (end = s; is_unreserved(*end);)
			end++;
		text_add(t, s, (size_t)(end - s));
		for (; *end != '\0' && !is_unreserved(*end); end++) {
			const unsigned char c = (unsigned char)*end;

			text_add(t, (const char[]){ '%', digits[c >> 4], digits[c & 15] }, 3);
		}
	}
}

enum err
percent_decode(const char *src, size_t src_len, int plus_is_space, char *ret, size_t *ret_len)
{
	size_t len = 0;

	for (size_t i = 0; i < src_len; i++) {
		int c = (unsigned char)src[i];

		if (c == '%') {
			if (src_len - i < 3)
				return ERR_MALFORMED;
			c = hex_byte(src + i + 1);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c <= 0)
			return ERR_MALFORMED;
		ret[len++] = (char)c;
	}
	ret[len] = '\0';
	*ret_len = len;
	return ERR_OK;
}
