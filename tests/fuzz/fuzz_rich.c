/*
 * What a rich notification brings besides its hint: stored items as they are unpacked, and validation tokens. The first byte says
 * which; the tokens' JSON is encoded here, or an input would hardly ever get past base64url.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/text.h"
#include "graph/validation_token.h"
#include "model/rich_item.h"

#define TENANT "99999999-8888-7777-6666-555555555555"
#define CLIENT "3d1f0a58-4f0c-4d38-9a3e-6f1d1c2b7e90"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was packed comes back, and packs to the same again. */
static void
unpack(const char *text, size_t len)
{
	struct rich_packed *packed = rich_copy(text, len), *again;
	struct rich_item item;

	if (packed != NULL && rich_unpack(packed, &item) == ERR_OK) {
		again = rich_pack(&item);
		if (again == NULL || again->len != packed->len || memcmp(again->text, packed->text, packed->len) != 0)
			abort();
		free(again);
	}
	free(packed);
}

/* A set with one key, "k", whose other half nobody has. */
static json_t *
keys_make(void)
{
	uint8_t modulus[256];
	char text[BASE64URL_LEN(sizeof(modulus)) + 1];

	memset(modulus, 0xa5, sizeof(modulus));
	base64url_encode(modulus, sizeof(modulus), text);
	return json_pack("{s:[{s:s,s:s,s:s,s:s}]}", "keys", "kty", "RSA", "kid", "k", "n", text, "e", "AQAB");
}

/* Nothing is signed with that half, so nothing may pass. */
static void
check(const char *token, size_t len)
{
	static json_t *keys;
	struct guid tenant;
	struct validation_expect expect = {
		.client_id = CLIENT, .login_url = "https://login.microsoftonline.com", .tenant = &tenant, .now_s = 1795000000
	};
	const char *why = NULL;

	if (keys == NULL)
		keys = keys_make();
	expect.keys = keys;
	(void)guid_parse(TENANT, &tenant);
	if (validation_token_check(token, len, &expect, &why) == ERR_OK || why == NULL)
		abort();
}

static void
part_add(struct text *t, const char *part, size_t len)
{
	char *encoded = malloc(BASE64URL_LEN(len) + 1);

	base64url_encode(part, len, encoded);
	text_adds(t, encoded);
	free(encoded);
}

/* header LF claims */
static void
check_encoded(const char *parts, size_t len)
{
	const char *end = memchr(parts, '\n', len);
	uint8_t signature[256] = { 1 };
	struct text t;

	if (end == NULL)
		return;
	text_init(&t, 4 * VALIDATION_TOKEN_MAX_LEN);
	part_add(&t, parts, (size_t)(end - parts));
	text_adds(&t, ".");
	part_add(&t, end + 1, (size_t)(parts + len - end - 1));
	text_adds(&t, ".");
	part_add(&t, (const char *)signature, sizeof(signature));
	if (text_err(&t) == ERR_OK)
		check(t.data, t.len);
	text_done(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size < 1)
		return 0;
	switch (data[0]) {
	case 'i': unpack(text, size - 1); break;
	case 't': check(text, size - 1); break;
	default: check_encoded(text, size - 1); break;
	}
	return 0;
}
