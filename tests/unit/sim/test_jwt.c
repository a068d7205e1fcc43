/* Tokens that are made of one opening: readable, and no two alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "sim/jwt.h"

/* A part of a token, from 0, as JSON. */
static json_t *
part(const char *token, int n)
{
	uint8_t plain[1024];
	size_t len;
	json_t *ret;

	for (; n > 0; n--)
		token = strchr(token, '.') + 1;
	assert_int_equal(base64url_decode(token, strcspn(token, "."), plain, &len), ERR_OK);
	assert_int_equal(jx_parse((char *)plain, len, &ret, NULL, 0), ERR_OK);
	return ret;
}

static void
says_what_was_claimed(void **state)
{
	struct rng rng = rng_seeded(1);
	char name[16] = "";

	(void)state;
	for (size_t len = 0; len < 7; len++) {
		char *opening = sim_jwt_open(json_pack("{s:s,s:[s]}", "tid", name, "roles", "User.Read.All"));
		char *token = sim_jwt_sign(opening, &rng, 1700000000, 3599);
		json_t *header = part(token, 0), *claims = part(token, 1);

		assert_string_equal(jx_get_str(header, "typ"), "JWT");
		assert_int_equal(json_object_size(claims), 5);
		assert_string_equal(jx_get_str(claims, "tid"), name);
		assert_int_equal(json_array_size(jx_get_array(claims, "roles")), 1);
		assert_int_equal(jx_get_int(claims, "iat", 0), 1700000000);
		assert_int_equal(jx_get_int(claims, "nbf", 0), 1700000000);
		assert_int_equal(jx_get_int(claims, "exp", 0), 1700003599);
		json_decref(header);
		json_decref(claims);
		free(token);
		free(opening);
		name[len] = 'x';
	}
}

static void
is_told_by_its_signature(void **state)
{
	struct rng rng = rng_seeded(2);
	char *opening = sim_jwt_open(json_pack("{s:s}", "tid", "t"));
	char *a = sim_jwt_sign(opening, &rng, 1, 2), *b = sim_jwt_sign(opening, &rng, 1, 2);

	(void)state;
	assert_int_equal(strlen(sim_jwt_signature(a)), 64);
	assert_string_not_equal(sim_jwt_signature(a), sim_jwt_signature(b));
	assert_memory_equal(a, b, strlen(a) - 64);
	assert_null(sim_jwt_signature("opaque"));
	assert_string_equal(sim_jwt_signature("a.b."), "");
	free(a);
	free(b);
	free(opening);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_was_claimed),
		cmocka_unit_test(is_told_by_its_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
