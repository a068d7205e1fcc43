/*
 * codec.h - structs to bytes and back: small readers and writers with a sticky error, and records driven by tables of fields.
 *
 * Integers are varints (7 bits a byte, low first, the shortest form only; signed ones zigzag), strings a length and their bytes.
 * One value has one encoding: whatever else is read is ERR_CORRUPT. A record starts with its version; a field that came later
 * than the version read is left zero.
 *
 *	struct erg_ref { "blue" }  =>  01 04 62 6c 75 65      version 1, 4 bytes, "blue"
 */
#ifndef STATE_CODEC_H
#define STATE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct encoder {
	uint8_t *data;
	size_t size, len;
	enum err err;
};
struct decoder {
	const uint8_t *data;
	size_t len, at;
	enum err err;
};

void encoder_init(struct encoder *e, void *data, size_t size); /* borrows data */
void encode_u8(struct encoder *e, uint8_t v);
void encode_u64(struct encoder *e, uint64_t v);
void encode_i64(struct encoder *e, int64_t v);
void encode_bytes(struct encoder *e, const void *data, size_t len); /* the bytes alone */
void encode_string(struct encoder *e, const void *data, size_t len);

void decoder_init(struct decoder *d, const void *data, size_t len); /* borrows data */
uint8_t decode_u8(struct decoder *d);                               /* 0 after an error, as all of these */
uint64_t decode_u64(struct decoder *d);
int64_t decode_i64(struct decoder *d);
void decode_bytes(struct decoder *d, void *ret, size_t len);
/* At most max bytes into ret, no NUL added; gives the length. */
size_t decode_string(struct decoder *d, void *ret, size_t max);
/* The one check at the end: ERR_CORRUPT also when something is left over. */
enum err decoder_end(const struct decoder *d);

enum field_type { FIELD_BOOL, FIELD_ENUM, FIELD_U64, FIELD_I64, FIELD_STRING, FIELD_BYTES };

struct field {
	const char *name;
	enum field_type type;
	uint32_t offset, size; /* of one element; a string's size counts its NUL */
	uint32_t count;        /* elements of an array, 1 otherwise */
	uint32_t limit;        /* FIELD_ENUM: values below this */
	uint8_t since;         /* record version that brought it */
};

struct schema {
	const char *name;
	const struct field *fields;
	size_t field_count, record_size;
	uint8_t version; /* the newest any field names */
};

size_t schema_encoded_max(const struct schema *s);
/* ERR_INVALID for a value its row does not allow (a string without end, an enum too large), ERR_TOOBIG. */
enum err schema_encode(const struct schema *s, const void *record, void *ret, size_t ret_size, size_t *ret_len);
/* Fills all of ret, padding included. ERR_TOONEW, ERR_CORRUPT: ret is then undefined. */
enum err schema_decode(const struct schema *s, const void *data, size_t len, void *ret);

#endif
