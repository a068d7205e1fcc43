/*
 * codec.c - the tables of fields say all; this is the one place that turns them into bytes.
 *
 * Order of the rows is order of the bytes, so a new field goes to the end of its table, with the next version.
 */
#include "state/codec.h"

#include <stdbool.h>
#include <string.h>

#define VARINT_MAX 10 /* ceil(64 / 7) */

void
encoder_init(struct encoder *e, void *data, size_t size)
{
	*e = (struct encoder){ .data = data, .size = size, .err = ERR_OK };
}

void
encode_bytes(struct encoder *e, const void *data, size_t len)
{
	if (e->err != ERR_OK)
		return;
	if (len > e->size - e->len) {
		e->err = ERR_TOOBIG;
		return;
	}
	if (len > 0)
		memcpy(e->data + e->len, data, len);
	e->len += len;
}

void
encode_u8(struct encoder *e, uint8_t v)
{
	encode_bytes(e, &v, 1);
}

void
encode_u64(struct encoder *e, uint64_t v)
{
	uint8_t b[VARINT_MAX], *to = e->data + e->len;
	bool fits = e->err == ERR_OK && e->size - e->len >= VARINT_MAX;
	size_t n = 0;

	/* Records have many of them: written in place, unless the end is near. */
	if (!fits)
		to = b;
	for (; v >= 0x80; v >>= 7)
		to[n++] = (uint8_t)(v | 0x80);
	to[n++] = (uint8_t)v;
	if (fits)
		e->len += n;
	else
		encode_bytes(e, b, n);
}

void
encode_i64(struct encoder *e, int64_t v)
{
	encode_u64(e, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void
encode_string(struct encoder *e, const void *data, size_t len)
{
	encode_u64(e, len);
	encode_bytes(e, data, len);
}

void
decoder_init(struct decoder *d, const void *data, size_t len)
{
	*d = (struct decoder){ .data = data, .len = len, .err = ERR_OK };
}

void
decode_bytes(struct decoder *d, void *ret, size_t len)
{
	if (d->err == ERR_OK && len > d->len - d->at)
		d->err = ERR_CORRUPT;
	if (d->err != ERR_OK || len == 0)
		return;
	memcpy(ret, d->data + d->at, len);
	d->at += len;
}

uint8_t
decode_u8(struct decoder *d)
{
	if (d->err == ERR_OK && d->at == d->len)
		d->err = ERR_CORRUPT;
	return d->err == ERR_OK ? d->data[d->at++] : 0;
}

uint64_t
decode_u64(struct decoder *d)
{
	size_t left = d->len - d->at, n = 0;
	uint64_t v = 0;
	uint8_t b;

	if (d->err != ERR_OK)
		return 0;
	do {
		/* The tenth byte has one bit left. */
		if (n == left || (n == VARINT_MAX - 1 && d->data[d->at + n] > 1)) {
			d->err = ERR_CORRUPT;
			return 0;
		}
		b = d->data[d->at + n];
		v |= (uint64_t)(b & 0x7f) << 7 * n++;
	} while (b & 0x80);
	d->at += n;
	/* A last byte of zero would be a second spelling. */
	if (n > 1 && b == 0)
		d->err = ERR_CORRUPT;
	return d->err == ERR_OK ? v : 0;
}

int64_t
decode_i64(struct decoder *d)
{
	uint64_t v = decode_u64(d);

	return (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

size_t
decode_string(struct decoder *d, void *ret, size_t max)
{
	uint64_t len = decode_u64(d);

	if (d->err == ERR_OK && len > max)
		d->err = ERR_CORRUPT;
	if (d->err != ERR_OK)
		return 0;
	decode_bytes(d, ret, (size_t)len);
	return d->err == ERR_OK ? (size_t)len : 0;
}

enum err
decoder_end(const struct decoder *d)
{
	if (d->err != ERR_OK)
		return d->err;
	return d->at == d->len ? ERR_OK : ERR_CORRUPT;
}

/* --- records --- */

static size_t
field_encoded_max(const struct field *f)
{
	switch (f->type) {
	case FIELD_BOOL: return 1;
	case FIELD_ENUM: return 5;
	case FIELD_U64:
	case FIELD_I64: return VARINT_MAX;
	case FIELD_STRING: return f->size + 5;
	case FIELD_BYTES: return f->size;
	}
	return 0;
}

size_t
schema_encoded_max(const struct schema *s)
{
	size_t sum = 1;

	for (size_t i = 0; i < s->field_count; i++)
		sum += s->fields[i].count * field_encoded_max(&s->fields[i]);
	return sum;
}

static void
encode_enum(struct encoder *e, const struct field *f, const uint8_t *at)
{
	unsigned v;

	memcpy(&v, at, sizeof(v));
	if (v >= f->limit && e->err == ERR_OK)
		e->err = ERR_INVALID;
	encode_u64(e, v);
}

static void
encode_text(struct encoder *e, const struct field *f, const uint8_t *at)
{
	size_t len = strnlen((const char *)at, f->size);

	if (len == f->size && e->err == ERR_OK)
		e->err = ERR_INVALID;
	encode_string(e, at, len);
}

static void
encode_field(struct encoder *e, const struct field *f, const uint8_t *at)
{
	uint64_t u;
	int64_t i;

	switch (f->type) {
	case FIELD_BOOL: encode_u8(e, *at != 0); return;
	case FIELD_ENUM: encode_enum(e, f, at); return;
	case FIELD_U64:
		memcpy(&u, at, sizeof(u));
		encode_u64(e, u);
		return;
	case FIELD_I64:
		memcpy(&i, at, sizeof(i));
		encode_i64(e, i);
		return;
	case FIELD_STRING: encode_text(e, f, at); return;
	case FIELD_BYTES: encode_bytes(e, at, f->size); return;
	}
}

enum err
schema_encode(const struct schema *s, const void *record, void *ret, size_t ret_size, size_t *ret_len)
{
	const uint8_t *base = record;
	struct encoder e;

	encoder_init(&e, ret, ret_size);
	encode_u8(&e, s->version);
	for (size_t i = 0; i < s->field_count && e.err == ERR_OK; i++)
		for (uint32_t n = 0; n < s->fields[i].count; n++)
			encode_field(&e, &s->fields[i], base + s->fields[i].offset + (size_t)n * s->fields[i].size);
	if (e.err == ERR_OK)
		*ret_len = e.len;
	return e.err;
}

static void
decode_bool(struct decoder *d, uint8_t *at)
{
	uint8_t v = decode_u8(d);
	bool b = v != 0;

	if (v > 1)
		d->err = ERR_CORRUPT;
	memcpy(at, &b, sizeof(b));
}

static void
decode_enum(struct decoder *d, const struct field *f, uint8_t *at)
{
	uint64_t v = decode_u64(d);
	unsigned u = (unsigned)v;

	if (v >= f->limit)
		d->err = ERR_CORRUPT;
	memcpy(at, &u, sizeof(u));
}

static void
decode_text(struct decoder *d, const struct field *f, uint8_t *at)
{
	size_t len = decode_string(d, at, f->size - 1);

	if (memchr(at, 0, len) != NULL)
		d->err = ERR_CORRUPT;
	at[len] = 0;
}

static void
decode_field(struct decoder *d, const struct field *f, uint8_t *at)
{
	uint64_t u;
	int64_t i;

	switch (f->type) {
	case FIELD_BOOL: decode_bool(d, at); return;
	case FIELD_ENUM: decode_enum(d, f, at); return;
	case FIELD_U64:
		u = decode_u64(d);
		memcpy(at, &u, sizeof(u));
		return;
	case FIELD_I64:
		i = decode_i64(d);
		memcpy(at, &i, sizeof(i));
		return;
	case FIELD_STRING: decode_text(d, f, at); return;
	case FIELD_BYTES: decode_bytes(d, at, f->size); return;
	}
}

enum err
schema_decode(const struct schema *s, const void *data, size_t len, void *ret)
{
	uint8_t *base = ret, version;
	struct decoder d;

	memset(ret, 0, s->record_size);
	decoder_init(&d, data, len);
	version = decode_u8(&d);
	if (d.err != ERR_OK || version == 0)
		return ERR_CORRUPT;
	if (version > s->version)
		return ERR_TOONEW;
	for (size_t i = 0; i < s->field_count; i++) {
		const struct field *f = &s->fields[i];

		if (f->since > version)
			continue;
		for (uint32_t n = 0; n < f->count && d.err == ERR_OK; n++)
			decode_field(&d, f, base + f->offset + (size_t)n * f->size);
	}
	return decoder_end(&d);
}
