/* codec.c and the tables of records.c: what is written comes back, and nothing else is read. */
#include "state/codec.h"

#include "state/records.h"
#include "unit/state/scratch.h"

static const struct {
	uint64_t v;
	size_t len;
	const char *bytes;
} varints[] = {
	{ 0, 1, "\x00" },
	{ 1, 1, "\x01" },
	{ 127, 1, "\x7f" },
	{ 128, 2, "\x80\x01" },
	{ 300, 2, "\xac\x02" },
	{ UINT64_MAX, 10, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" },
};

static void
varints_have_one_spelling(void **state)
{
	uint8_t b[16];
	struct encoder e;
	struct decoder d;

	(void)state;
	for (size_t i = 0; i < sizeof(varints) / sizeof(varints[0]); i++) {
		encoder_init(&e, b, sizeof(b));
		encode_u64(&e, varints[i].v);
		assert_int_equal(e.len, varints[i].len);
		assert_memory_equal(b, varints[i].bytes, e.len);
		decoder_init(&d, b, e.len);
		assert_int_equal(decode_u64(&d), varints[i].v);
		assert_int_equal(decoder_end(&d), ERR_OK);
	}
}

static const struct {
	const char *why;
	size_t len;
	const char *bytes;
} bad_varints[] = {
	{ "nothing", 0, "" },
	{ "cut", 1, "\x80" },
	{ "a longer zero", 2, "\x80\x00" },
	{ "a longer one", 3, "\x81\x80\x00" },
	{ "65 bits", 10, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02" },
	{ "eleven bytes", 11, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" },
	{ "something behind", 2, "\x01\x01" },
};

static void
bad_varints_are_corrupt(void **state)
{
	struct decoder d;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_varints) / sizeof(bad_varints[0]); i++) {
		decoder_init(&d, bad_varints[i].bytes, bad_varints[i].len);
		(void)decode_u64(&d);
		if (decoder_end(&d) != ERR_CORRUPT)
			fail_msg("accepted: %s", bad_varints[i].why);
	}
}

static void
signed_ends_survive(void **state)
{
	static const int64_t values[] = { 0, -1, 1, -64, 64, INT64_MIN, INT64_MAX };
	uint8_t b[16];
	struct encoder e;
	struct decoder d;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		encoder_init(&e, b, sizeof(b));
		encode_i64(&e, values[i]);
		decoder_init(&d, b, e.len);
		assert_true(decode_i64(&d) == values[i]);
		assert_int_equal(decoder_end(&d), ERR_OK);
	}
}

static void
errors_stick(void **state)
{
	uint8_t b[4];
	struct encoder e;
	struct decoder d;

	(void)state;
	encoder_init(&e, b, sizeof(b));
	encode_string(&e, "12345", 5);
	encode_u8(&e, 1);
	assert_int_equal(e.err, ERR_TOOBIG);
	assert_int_equal(e.len, 1);
	decoder_init(&d, "\x05\x31", 2);
	assert_int_equal(decode_string(&d, b, sizeof(b)), 0);
	assert_int_equal(decode_u8(&d), 0);
	assert_int_equal(decoder_end(&d), ERR_CORRUPT);
}

static void
example_of_the_header(void **state)
{
	struct erg_ref ref = { { "blue" } };
	uint8_t b[64];
	size_t len;

	(void)state;
	assert_int_equal(schema_encode(table_schema(TABLE_TENANT_ERGS), &ref, b, sizeof(b), &len), ERR_OK);
	assert_int_equal(len, 6);
	assert_memory_equal(b,
	    "\x01\x04"
	    "blue",
	    6);
}

/* --- every table --- */

static void
random_element(struct rng *rng, const struct field *f, uint8_t *at)
{
	unsigned u;
	size_t len;
	bool b;

	switch (f->type) {
	case FIELD_BOOL:
		b = rng_below(rng, 2) == 1;
		memcpy(at, &b, sizeof(b));
		return;
	case FIELD_ENUM:
		u = (unsigned)rng_below(rng, f->limit);
		memcpy(at, &u, sizeof(u));
		return;
	case FIELD_STRING:
		len = rng_below(rng, 4) == 0 ? f->size - 1 : rng_below(rng, f->size);
		rng_bytes(rng, at, len);
		for (size_t i = 0; i < len; i++)
			at[i] |= 1;
		at[len] = 0;
		return;
	default: rng_bytes(rng, at, f->size); return;
	}
}

static void
random_record(struct rng *rng, const struct schema *s, uint8_t *record)
{
	memset(record, 0, s->record_size);
	for (size_t i = 0; i < s->field_count; i++)
		for (uint32_t n = 0; n < s->fields[i].count; n++)
			random_element(rng, &s->fields[i], record + s->fields[i].offset + (size_t)n * s->fields[i].size);
}

/* As far as a string's end; the bytes behind it are not kept. */
static void
assert_same_element(const struct field *f, const uint8_t *a, const uint8_t *b)
{
	if (f->type == FIELD_STRING)
		assert_string_equal(a, b);
	else
		assert_memory_equal(a, b, f->size);
}

static void
assert_same_record(const struct schema *s, const uint8_t *a, const uint8_t *b)
{
	for (size_t i = 0; i < s->field_count; i++)
		for (uint32_t n = 0; n < s->fields[i].count; n++) {
			size_t at = s->fields[i].offset + (size_t)n * s->fields[i].size;

			assert_same_element(&s->fields[i], a + at, b + at);
		}
}

static void
random_records_survive(void **state)
{
	static uint8_t record[65536], back[65536], bytes[RECORD_ENCODED_MAX], again[RECORD_ENCODED_MAX];
	struct rng rng = scratch_rng();
	size_t len, len2;

	(void)state;
	for (unsigned round = 0; round < 20; round++)
		for (unsigned t = 0; t < TABLE_COUNT; t++) {
			const struct schema *s = table_schema((enum table)t);

			assert_true(s->record_size <= sizeof(record));
			random_record(&rng, s, record);
			assert_int_equal(schema_encode(s, record, bytes, sizeof(bytes), &len), ERR_OK);
			assert_int_equal(schema_decode(s, bytes, len, back), ERR_OK);
			assert_same_record(s, record, back);
			assert_int_equal(schema_encode(s, back, again, sizeof(again), &len2), ERR_OK);
			assert_int_equal(len, len2);
			assert_memory_equal(bytes, again, len);
		}
}

static void
cut_and_longer_records_are_corrupt(void **state)
{
	static uint8_t record[65536], back[65536], bytes[RECORD_ENCODED_MAX + 1];
	struct rng rng = scratch_rng();
	size_t len;

	(void)state;
	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		const struct schema *s = table_schema((enum table)t);

		random_record(&rng, s, record);
		assert_int_equal(schema_encode(s, record, bytes, RECORD_ENCODED_MAX, &len), ERR_OK);
		for (size_t cut = 0; cut < len; cut += 1 + len / 50)
			assert_int_equal(schema_decode(s, bytes, cut, back), ERR_CORRUPT);
		bytes[len] = 0;
		assert_int_equal(schema_decode(s, bytes, len + 1, back), ERR_CORRUPT);
		bytes[0]++;
		assert_int_equal(schema_decode(s, bytes, len, back), ERR_TOONEW);
		bytes[0] = 0;
		assert_int_equal(schema_decode(s, bytes, len, back), ERR_CORRUPT);
	}
}

/* No input may crash, and what is accepted must be what the encoder would write. */
static void
random_bytes_are_refused_or_canonical(void **state)
{
	static uint8_t record[65536], bytes[300], again[RECORD_ENCODED_MAX];
	struct rng rng = scratch_rng();
	size_t len, len2;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		const struct schema *s = table_schema((enum table)rng_below(&rng, TABLE_COUNT));

		len = rng_below(&rng, sizeof(bytes));
		rng_bytes(&rng, bytes, len);
		for (size_t i = 0; i < len; i++)
			if (rng_below(&rng, 2) == 0)
				bytes[i] &= 3;
		/* An older version would be written back as the youngest. */
		if (len > 0)
			bytes[0] = (uint8_t)s->version;
		if (schema_decode(s, bytes, len, record) != ERR_OK)
			continue;
		assert_int_equal(schema_encode(s, record, again, sizeof(again), &len2), ERR_OK);
		assert_int_equal(len, len2);
		assert_memory_equal(bytes, again, len);
	}
}

static void
values_out_of_range(void **state)
{
	static const struct schema *s;
	struct tenant t = { .id = { "t" }, .state = TENANT_SIGN_IN_NEEDED }, back;
	uint8_t b[1024];
	size_t len;

	(void)state;
	s = table_schema(TABLE_TENANTS);
	t.state = TENANT_STATE_COUNT;
	assert_int_equal(schema_encode(s, &t, b, sizeof(b), &len), ERR_INVALID);
	t.state = TENANT_SIGN_IN_NEEDED;
	memset(t.detail, 'x', sizeof(t.detail));
	assert_int_equal(schema_encode(s, &t, b, sizeof(b), &len), ERR_INVALID);
	t.detail[0] = 0;
	assert_int_equal(schema_encode(s, &t, b, 4, &len), ERR_TOOBIG);
	assert_int_equal(schema_encode(s, &t, b, sizeof(b), &len), ERR_OK);
	assert_int_equal(b[6], TENANT_SIGN_IN_NEEDED); /* version, "t", three empty strings, state */
	b[6]++;
	assert_int_equal(schema_decode(s, b, len, &back), ERR_CORRUPT);
	b[6]--;
	b[2] = 0; /* a string with a NUL inside */
	assert_int_equal(schema_decode(s, b, len, &back), ERR_CORRUPT);
}

/* A field of a later version: absent from an old record, zero in the struct. */
static void
older_versions_are_read(void **state)
{
	struct two {
		uint64_t a;
		int64_t b;
	} v = { 7, -9 }, back;
	static const struct field fields[] = {
		{ "a", FIELD_U64, offsetof(struct two, a), 8, 1, 0, 1 },
		{ "b", FIELD_I64, offsetof(struct two, b), 8, 1, 0, 2 },
	};
	static const struct schema first = { "two", fields, 1, sizeof(struct two), 1 },
	                           second = { "two", fields, 2, sizeof(struct two), 2 };
	uint8_t b[32];
	size_t len;

	(void)state;
	assert_int_equal(schema_encode(&first, &v, b, sizeof(b), &len), ERR_OK);
	assert_int_equal(schema_decode(&second, b, len, &back), ERR_OK);
	assert_int_equal(back.a, 7);
	assert_int_equal(back.b, 0);
	assert_int_equal(schema_encode(&second, &v, b, sizeof(b), &len), ERR_OK);
	assert_int_equal(schema_decode(&first, b, len, &back), ERR_TOONEW);
	assert_int_equal(schema_decode(&second, b, len, &back), ERR_OK);
	assert_true(back.b == -9);
}

/* --- no field forgotten --- */

#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define CAN_SEE_PADDING
#endif
#endif

#ifdef CAN_SEE_PADDING
/* bytes: 0xff where the struct has a value, 0 in its padding. */
static void
assert_covered(const struct schema *s, uint8_t *bytes, size_t size)
{
	assert_int_equal(s->record_size, size);
	for (size_t i = 0; i < s->field_count; i++) {
		assert_true(s->fields[i].since >= 1 && s->fields[i].since <= s->version);
		memset(bytes + s->fields[i].offset, 0, (size_t)s->fields[i].size * s->fields[i].count);
	}
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != 0)
			fail_msg("%s: byte %zu of the struct has no row", s->name, i);
}
#endif

static void
every_byte_of_every_record_has_a_row(void **state)
{
	(void)state;
#ifdef CAN_SEE_PADDING
#define X(name, record)                                                                                                          \
	{                                                                                                                        \
		static record r;                                                                                                 \
		memset(&r, 0xff, sizeof(r));                                                                                     \
		__builtin_clear_padding(&r);                                                                                     \
		assert_covered(table_schema(TABLE_##name), (uint8_t *)&r, sizeof(r));                                            \
	}
	STORE_TABLES(X)
#undef X
#else
	skip();
#endif
}

static void
every_record_fits(void **state)
{
	(void)state;
	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		assert_true(schema_encoded_max(table_schema((enum table)t)) <= RECORD_ENCODED_MAX);
		assert_true(table_schema((enum table)t)->record_size <= RECORD_SIZE_MAX);
		assert_string_equal(table_name((enum table)t), table_schema((enum table)t)->name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints_have_one_spelling),
		cmocka_unit_test(bad_varints_are_corrupt),
		cmocka_unit_test(signed_ends_survive),
		cmocka_unit_test(errors_stick),
		cmocka_unit_test(example_of_the_header),
		cmocka_unit_test(random_records_survive),
		cmocka_unit_test(cut_and_longer_records_are_corrupt),
		cmocka_unit_test(random_bytes_are_refused_or_canonical),
		cmocka_unit_test(values_out_of_range),
		cmocka_unit_test(older_versions_are_read),
		cmocka_unit_test(every_byte_of_every_record_has_a_row),
		cmocka_unit_test(every_record_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
