/* Base64 of a whole number of triples can be followed by more base64: the fixed claims are filled up with blanks, which JSON lets pass. */
#include "sim/jwt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/text.h"
#include "sim/memory.h"

#define OPENING_MAX     65536
#define SIGNATURE_BYTES 48

/* The object's text without its closing brace, ready to be followed by another member, in whole triples. */
static void
members_add(struct text *t, json_t *object)
{
	char *plain = json_dumps(object, JSON_COMPACT | JSON_EMBED);

	text_addf(t, "{%s,", plain);
	while (t->len % 3 != 0)
		text_adds(t, " ");
	free(plain);
	json_decref(object);
}

char *
sim_jwt_open(json_t *claims)
{
	static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"simulated\"}";
	char encoded_header[BASE64URL_LEN(sizeof(header)) + 1], *encoded, *ret;
	struct text plain;

	text_init(&plain, OPENING_MAX);
	members_add(&plain, claims);
	base64url_encode(header, sizeof(header) - 1, encoded_header);
	encoded = must_alloc(BASE64URL_LEN(plain.len) + 1);
	base64url_encode(plain.data, plain.len, encoded);
	ret = must_format("%s.%s", encoded_header, encoded);
	free(encoded);
	text_done(&plain);
	return ret;
}

char *
sim_jwt_sign(const char *opening, struct rng *rng, int64_t now_s, int64_t life_s)
{
	uint8_t random[SIGNATURE_BYTES];
	char instants[128];
	size_t len = strlen(opening), instants_len;
	char *ret, *at;

	instants_len = (size_t)snprintf(instants, sizeof(instants),
	    "\"iat\":%" PRId64 ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64 "}", now_s, now_s, now_s + life_s);
	rng_bytes(rng, random, sizeof(random));
	ret = must_alloc(len + BASE64URL_LEN(instants_len) + 1 + BASE64URL_LEN(sizeof(random)) + 1);
	memcpy(ret, opening, len);
	at = ret + len;
	base64url_encode(instants, instants_len, at);
	at += BASE64URL_LEN(instants_len);
	*at++ = '.';
	base64url_encode(random, sizeof(random), at);
	return ret;
}

const char *
sim_jwt_signature(const char *token)
{
	const char *dot = strrchr(token, '.');

	return dot == NULL ? NULL : dot + 1;
}
