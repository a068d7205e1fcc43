/*
 * encode.h - base64, base64url, hex and percent-encoding, strict in decoding.
 *
 * Decoders accept exactly what an encoder makes (padding where the form has it, no white space,
 * zero in unused bits), so that one value has one spelling.
 */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define BASE64_LEN(n)    (((n) + 2) / 3 * 4) /* without NUL */
#define BASE64URL_LEN(n) (((n)*4 + 2) / 3)   /* no padding; without NUL */

/* ret holds BASE64_LEN(len) + 1. */
void base64_encode(const void *data, size_t len, char *ret);
void base64url_encode(const void *data, size_t len, char *ret);
/* ret holds at least src_len / 4 * 3 + 3 bytes. ERR_MALFORMED leaves ret undefined. */
enum err base64_decode(const char *src, size_t src_len, uint8_t *ret, size_t *ret_len);
enum err base64url_decode(const char *src, size_t src_len, uint8_t *ret, size_t *ret_len);

void hex_encode(const void *data, size_t len, char *ret);           /* lower case, 2 * len + 1 */
enum err hex_decode(const char *src, size_t src_len, uint8_t *ret); /* src_len / 2 bytes, either case */
int hex_value(char c);                                              /* of one digit, either case: 0 to 15, or -1 */

/* One URL path segment or query value: all but A-Z a-z 0-9 - . _ ~ is encoded. */
void percent_encode(struct text *t, const char *s);
/* %XX in either case; plus_is_space for query strings. Bad escapes and NUL (also as %00) are ERR_MALFORMED. NUL-terminates;
 * ret holds src_len + 1 and may be src itself. */
enum err percent_decode(const char *src, size_t src_len, int plus_is_space, char *ret, size_t *ret_len);

#endif
