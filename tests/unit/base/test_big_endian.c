#include "base/big_endian.h"

#include <string.h>

#include "unit/base/check.h"

static void
the_greatest_byte_comes_first(void **state)
{
	uint8_t b[8];

	(void)state;
	big_endian_put_u32(b, 0x01020304);
	assert_memory_equal(b, "\x01\x02\x03\x04", 4);
	assert_int_equal(big_endian_get_u32(b), 0x01020304);
	big_endian_put_u64(b, 0x0102030405060708);
	assert_memory_equal(b, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_int_equal(big_endian_get_u64(b), 0x0102030405060708);
}

static void
every_number_comes_back(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, UINT32_MAX, 1ull << 32, INT64_MAX, 1ull << 63,
		UINT64_MAX };
	uint8_t b[8], before[8] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		big_endian_put_u64(b, numbers[i]);
		assert_int_equal(big_endian_get_u64(b), numbers[i]);
		/* And they sort as bytes. */
		assert_true(i == 0 || memcmp(before, b, sizeof(b)) < 0);
		memcpy(before, b, sizeof(b));
		big_endian_put_u32(b, (uint32_t)numbers[i]);
		assert_int_equal(big_endian_get_u32(b), (uint32_t)numbers[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_greatest_byte_comes_first),
		cmocka_unit_test(every_number_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
