/* The echoed text goes into a browser's reach, so what may be in it is decided here, and text/plain with nosniff at the answer. */
#include "listener/validation.h"

#include <stdbool.h>
#include <string.h>

#include "base/encode.h"
#include "base/text.h"

static const char name[] = "validationToken";

/* The name may come encoded, too ("validation%54oken"): two spellings must not count as two parameters. */
static bool
is_token_name(const char *text, size_t len)
{
	char decoded[3 * sizeof(name) + 1];
	size_t decoded_len;

	if (len > 3 * sizeof(name) || percent_decode(text, len, 1, decoded, &decoded_len) != ERR_OK)
		return false;
	return decoded_len == sizeof(name) - 1 && memcmp(decoded, name, decoded_len) == 0;
}

/* U+0000 to U+001F and U+007F to U+009F, in valid UTF-8. */
static bool
has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i], next = i + 1 < len ? (unsigned char)text[i + 1] : 0;

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && next < 0xa0))
			return true;
	}
	return false;
}

static enum err
decode_token(const char *text, size_t len, char *ret, size_t *ret_len)
{
	char decoded[3 * VALIDATION_TOKEN_MAX + 1];
	size_t decoded_len;

	if (len > 3 * VALIDATION_TOKEN_MAX)
		return ERR_TOOBIG;
	if (percent_decode(text, len, 1, decoded, &decoded_len) != ERR_OK)
		return ERR_INVALID;
	if (decoded_len > VALIDATION_TOKEN_MAX)
		return ERR_TOOBIG;
	if (decoded_len == 0 || !utf8_valid(decoded, decoded_len) || has_control(decoded, decoded_len))
		return ERR_INVALID;
	memcpy(ret, decoded, decoded_len);
	*ret_len = decoded_len;
	return ERR_OK;
}

enum err
validation_token(const char *query, size_t query_len, char *ret, size_t *ret_len)
{
	const char *end = query + query_len, *token = NULL;
	size_t token_len = 0;

	for (const char *p = query; p < end;) {
		const char *and = memchr(p, '&', (size_t)(end - p)), *stop = and != NULL ? and : end;
		const char *equals = memchr(p, '=', (size_t)(stop - p));

		if (is_token_name(p, (size_t)((equals != NULL ? equals : stop) - p))) {
			if (token != NULL)
				return ERR_INVALID;
			token = equals != NULL ? equals + 1 : stop;
			token_len = (size_t)(stop - token);
		}
		p = stop + 1;
	}
	return token == NULL ? ERR_NOTFOUND : decode_token(token, token_len, ret, ret_len);
}
