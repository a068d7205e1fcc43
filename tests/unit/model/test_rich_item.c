/* Parts come back as they were; what could be taken for two lines, or is too much, is not kept. */
#include "model/rich_item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/base/seed.h"

static struct rich_text
text_of(const char *s)
{
	return (struct rich_text){ s, s != NULL ? strlen(s) : 0 };
}

static struct rich_item
sample(void)
{
	return (struct rich_item){
		.parts = { text_of("k1"), text_of("AB12"), text_of("a2V5"), text_of("ZGF0YQ=="), text_of("c2ln") },
		.tokens = { text_of("a.b.c"), text_of("d.e.f") },
		.token_count = 2,
	};
}

static void
assert_same(const struct rich_text *a, const struct rich_text *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->at, b->at, a->len);
}

static void
kept_whole(void **state)
{
	struct rich_item item = sample(), back;
	struct rich_packed *packed = rich_pack(&item);

	(void)state;
	assert_non_null(packed);
	assert_int_equal(rich_unpack(packed, &back), ERR_OK);
	for (int i = 0; i < RICH_PART_COUNT; i++)
		assert_same(&back.parts[i], &item.parts[i]);
	assert_int_equal(back.token_count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_same(&back.tokens[i], &item.tokens[i]);
	free(packed);
}

static void
not_kept(void **state)
{
	static const char *const bad[] = { NULL, "", "a b", "a\nb", "a\tb", "\x7f", "gr\xc3\xbc" };
	static char long_text[RICH_ITEM_MAX];
	struct rich_item item;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (int part = 0; part < RICH_PART_COUNT + 2; part++) {
			item = sample();
			*(part < RICH_PART_COUNT ? &item.parts[part] : &item.tokens[part - RICH_PART_COUNT]) = text_of(bad[i]);
			assert_null(rich_pack(&item));
		}
	memset(long_text, 'x', sizeof(long_text));
	item = sample();
	item.parts[RICH_DATA] = (struct rich_text){ long_text, sizeof(long_text) };
	assert_null(rich_pack(&item));
	item.parts[RICH_DATA].len = RICH_ITEM_MAX - 10;
	assert_null(rich_pack(&item));
	item = sample();
	item.token_count = 0;
	assert_null(rich_pack(&item));
	item.token_count = RICH_TOKENS_MAX + 1;
	assert_null(rich_pack(&item));
}

/* What comes from the disk is opened only if authentic; still, any bytes are survived. */
static void
any_bytes_are_survived(void **state)
{
	struct rng rng = test_rng("rich_item");
	struct rich_item item;
	char bytes[64];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = rng_below(&rng, sizeof(bytes) + 1);
		struct rich_packed *packed;

		for (size_t i = 0; i < len; i++)
			bytes[i] = rng_below(&rng, 3) == 0 ? '\n' : (char)rng_below(&rng, 128);
		packed = rich_copy(bytes, len);
		assert_non_null(packed);
		if (rich_unpack(packed, &item) == ERR_OK) {
			assert_in_range(item.token_count, 1, RICH_TOKENS_MAX);
			for (int i = 0; i < RICH_PART_COUNT; i++)
				assert_true(item.parts[i].len > 0);
		}
		free(packed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_whole),
		cmocka_unit_test(not_kept),
		cmocka_unit_test(any_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
