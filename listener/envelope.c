/*
 * One loop over the bytes with a stack of at most ENVELOPE_DEPTH_MAX levels; no tree is built, because a tree of a hostile
 * body costs eighty times its size and a tree of an honest one most of the time an intake spends (DESIGN section 2).
 * Names already seen are kept as keyed 64-bit hashes: a sender cannot steer them, so equal hashes are taken as equal names.
 */
#include "listener/envelope.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_SLOTS_MIN  1024u
#define TABLE_SLOTS_KEPT 8192u /* a larger table is given back after the scan */

enum role { ROLE_OTHER, ROLE_ROOT, ROLE_VALUE, ROLE_TOKENS, ROLE_ITEM, ROLE_DATA, ROLE_CONTENT };
enum expect { EXPECT_VALUE, EXPECT_FIRST_VALUE, EXPECT_NAME, EXPECT_FIRST_NAME, EXPECT_NEXT };

struct level {
	enum role role;
	bool is_object;
	uint32_t serial; /* tells objects apart in the table */
	uint32_t members;
	const struct member *member; /* whose value comes next; NULL when nobody asked for it */
	uint64_t names[ENVELOPE_SMALL];
};

struct envelope {
	uint64_t key[2];
	struct level levels[ENVELOPE_DEPTH_MAX];
	size_t depth;
	uint32_t serial;
	uint64_t *slots; /* hashes of names of large objects; 0 is free */
	size_t slot_count, slots_used;
	struct envelope_item item;
	bool has_value;
	envelope_take take;
	void *arg;
	struct envelope_result *result;
};

/* What is read: where, under which name, into which text, or the role its container gets. */
static const struct member {
	enum role of;
	const char *name;
	size_t name_len;
	size_t offset;
	enum role array_role, object_role;
} members[] = {
#define TEXT(of, name, field)                                                                                                    \
	{                                                                                                                        \
		of, name, sizeof(name) - 1, offsetof(struct envelope_item, field), ROLE_OTHER, ROLE_OTHER                        \
	}
#define NO_TEXT SIZE_MAX
	{ ROLE_ROOT, "value", 5, NO_TEXT, ROLE_VALUE, ROLE_OTHER },
	{ ROLE_ROOT, "validationTokens", 16, NO_TEXT, ROLE_TOKENS, ROLE_OTHER },
	TEXT(ROLE_ITEM, "id", id),
	TEXT(ROLE_ITEM, "subscriptionId", subscription_id),
	TEXT(ROLE_ITEM, "clientState", client_state),
	TEXT(ROLE_ITEM, "changeType", change_type),
	TEXT(ROLE_ITEM, "lifecycleEvent", lifecycle_event),
	TEXT(ROLE_ITEM, "resource", resource),
	{ ROLE_ITEM, "resourceData", 12, NO_TEXT, ROLE_OTHER, ROLE_DATA },
	{ ROLE_ITEM, "encryptedContent", 16, NO_TEXT, ROLE_OTHER, ROLE_CONTENT },
	TEXT(ROLE_DATA, "id", resource_id),
	TEXT(ROLE_DATA, "@odata.etag", resource_etag),
	TEXT(ROLE_CONTENT, "data", rich.parts[RICH_DATA]),
	TEXT(ROLE_CONTENT, "dataKey", rich.parts[RICH_DATA_KEY]),
	TEXT(ROLE_CONTENT, "dataSignature", rich.parts[RICH_SIGNATURE]),
	TEXT(ROLE_CONTENT, "encryptionCertificateId", rich.parts[RICH_CERTIFICATE_ID]),
	TEXT(ROLE_CONTENT, "encryptionCertificateThumbprint", rich.parts[RICH_THUMBPRINT]),
#undef TEXT
};

struct envelope *
envelope_new(const uint8_t hash_key[16])
{
	struct envelope *e = calloc(1, sizeof(*e));

	if (e != NULL)
		memcpy(e->key, hash_key, sizeof(e->key));
	return e;
}

void
envelope_free(struct envelope *e)
{
	if (e == NULL)
		return;
	free(e->slots);
	free(e);
}

static const struct member *
member_find(enum role of, const char *name, size_t len)
{
	if (of == ROLE_OTHER)
		return NULL;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (members[i].of == of && members[i].name_len == len && memcmp(members[i].name, name, len) == 0)
			return &members[i];
	return NULL;
}

/* Names: SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), its key tweaked by the object's serial. */

static inline uint64_t
rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* Never 0, which marks a free slot. */
static uint64_t
name_hash(const struct envelope *e, uint32_t serial, const char *name, size_t len)
{
	uint64_t k0 = e->key[0] ^ serial, k1 = e->key[1], word;
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
		k1 ^ 0x7465646279746573u };
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		memcpy(&word, name + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)len << 56;
	for (size_t shift = 0; i < len; i++, shift += 8)
		word |= (uint64_t)(unsigned char)name[i] << shift;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	word = v[0] ^ v[1] ^ v[2] ^ v[3];
	return word != 0 ? word : 1;
}

static void
table_put(uint64_t *slots, size_t slot_count, uint64_t hash)
{
	size_t i = hash & (slot_count - 1);

	while (slots[i] != 0)
		i = (i + 1) & (slot_count - 1);
	slots[i] = hash;
}

static enum err
table_grow(struct envelope *e)
{
	size_t count = e->slot_count == 0 ? TABLE_SLOTS_MIN : e->slot_count * 2;
	uint64_t *slots = calloc(count, sizeof(*slots));

	if (slots == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < e->slot_count; i++)
		if (e->slots[i] != 0)
			table_put(slots, count, e->slots[i]);
	free(e->slots);
	e->slots = slots;
	e->slot_count = count;
	return ERR_OK;
}

static bool
table_has(const struct envelope *e, uint64_t hash)
{
	for (size_t i = hash & (e->slot_count - 1); e->slots[i] != 0; i = (i + 1) & (e->slot_count - 1))
		if (e->slots[i] == hash)
			return true;
	return false;
}

static enum err
table_add(struct envelope *e, uint64_t hash)
{
	enum err err;

	if (e->slots_used * 2 >= e->slot_count && (err = table_grow(e)) != ERR_OK)
		return err;
	table_put(e->slots, e->slot_count, hash);
	e->slots_used++;
	return ERR_OK;
}

static void
table_reset(struct envelope *e)
{
	if (e->slots_used == 0)
		return;
	if (e->slot_count > TABLE_SLOTS_KEPT) {
		free(e->slots);
		e->slots = NULL;
		e->slot_count = 0;
	} else {
		memset(e->slots, 0, e->slot_count * sizeof(*e->slots));
	}
	e->slots_used = 0;
}

static enum err
wrong(struct envelope *e, const char *why)
{
	e->result->why = why;
	return ERR_MALFORMED;
}

/* A name in an object with more than ENVELOPE_SMALL members. */
static enum err
note_in_table(struct envelope *e, struct level *level, uint64_t hash)
{
	enum err err = ERR_OK;

	if (level->members == ENVELOPE_SMALL)
		for (size_t i = 0; i < ENVELOPE_SMALL && err == ERR_OK; i++)
			err = table_add(e, level->names[i]);
	if (err != ERR_OK)
		return err;
	if (table_has(e, hash))
		return wrong(e, "duplicate name");
	if (e->slots_used >= ENVELOPE_MEMBERS_MAX)
		return wrong(e, "too many members");
	return table_add(e, hash);
}

static enum err
note_name(struct envelope *e, struct level *level, const char *name, size_t len)
{
	uint64_t hash = name_hash(e, level->serial, name, len);
	size_t small = level->members < ENVELOPE_SMALL ? level->members : ENVELOPE_SMALL;
	enum err err;

	for (size_t i = 0; i < small; i++)
		if (level->names[i] == hash)
			return wrong(e, "duplicate name");
	if (level->members < ENVELOPE_SMALL)
		level->names[level->members] = hash;
	else if ((err = note_in_table(e, level, hash)) != ERR_OK)
		return err;
	level->members++;
	return ERR_OK;
}

/* Strings. */

static inline bool
is_continuation(const char *p)
{
	return ((unsigned char)*p & 0xc0) == 0x80;
}

/* The length of the valid UTF-8 sequence at p, whose first byte is above 0x7f; 0 for overlong forms, surrogates and the rest. */
static size_t
utf8_len(const char *p, const char *end)
{
	unsigned char a = (unsigned char)p[0], b = end - p >= 2 ? (unsigned char)p[1] : 0;

	if (end - p < 2 || !is_continuation(p + 1))
		return 0;
	if (a >= 0xc2 && a <= 0xdf)
		return 2;
	if (end - p < 3 || !is_continuation(p + 2))
		return 0;
	if (a >= 0xe0 && a <= 0xef)
		return (a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ? 0 : 3;
	if (end - p < 4 || !is_continuation(p + 3))
		return 0;
	if (a >= 0xf0 && a <= 0xf4)
		return (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f) ? 0 : 4;
	return 0;
}

/* Four hex digits, or -1. */
static int32_t
hex4(const char *p, const char *end)
{
	int32_t value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = (unsigned char)p[i], lower = c | 0x20, digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (lower >= 'a' && lower <= 'f')
			digit = lower - 'a' + 10;
		else
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static char *
utf8_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* \uXXXX, p behind the u. NULL for what does not name a character, or names NUL, which no JSON of ours may hold. */
static const char *
unicode_escape(const char *p, const char *end, char **out)
{
	int32_t high = hex4(p, end), low;

	if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
		return NULL;
	p += 4;
	if (high < 0xd800 || high > 0xdbff) {
		*out = utf8_put(*out, (uint32_t)high);
		return p;
	}
	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return NULL;
	low = hex4(p + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return NULL;
	*out = utf8_put(*out, 0x10000u + ((uint32_t)(high - 0xd800) << 10 | (uint32_t)(low - 0xdc00)));
	return p + 6;
}

static const char *
escape(const char *p, const char *end, char **out)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (p == end)
		return NULL;
	if (*p == 'u')
		return unicode_escape(p + 1, end, out);
	if (*p == '\0' || (found = strchr(letters, *p)) == NULL)
		return NULL;
	*(*out)++ = meanings[found - letters];
	return p + 1;
}

/* True when all eight bytes are plain: no quote, backslash, control character or byte above 0x7f. */
static inline bool
eight_plain(const char *p)
{
	const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
	uint64_t w, quote, slash;

	memcpy(&w, p, 8);
	quote = w ^ ones * '"';
	slash = w ^ ones * '\\';
	return (((w - ones * 0x20) | (quote - ones) | (slash - ones) | w) & highs) == 0;
}

static inline const char *
skip_plain(const char *p, const char *end)
{
	while (end - p >= 8 && eight_plain(p))
		p += 8;
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* *cursor is behind the opening quote, and behind the closing one afterwards. The text stays where it is, decoded. */
static enum err
scan_string(struct envelope *e, char **cursor, char *end, struct rich_text *ret)
{
	char *start = *cursor, *out = start;
	const char *p = start;

	for (;;) {
		const char *stop = skip_plain(p, end);
		size_t len = (size_t)(stop - p);

		if (out != p)
			memmove(out, p, len);
		out += len;
		p = stop;
		if (p == end || (unsigned char)*p < 0x20)
			return wrong(e, p == end ? "unfinished string" : "control character in a string");
		if (*p == '"')
			break;
		if (*p == '\\') {
			if ((p = escape(p + 1, end, &out)) == NULL)
				return wrong(e, "bad escape");
			continue;
		}
		if ((len = utf8_len(p, end)) == 0)
			return wrong(e, "not UTF-8");
		memmove(out, p, len);
		out += len;
		p += len;
	}
	*ret = (struct rich_text){ start, (size_t)(out - start) };
	*cursor = start + (p + 1 - start);
	return ERR_OK;
}

/* Numbers. */

static const char *
digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* Exponents are clamped here: far beyond what the digits of any body could balance. */
#define EXPONENT_CLAMP 100000000

/* The digits of a real, in parts; exponent 0 when it has none. */
struct real {
	const char *whole, *whole_end, *fraction, *fraction_end;
	int64_t exponent;
};

/*
 * jansson refuses what strtod makes infinite. Decided by the place of the leading digit; only in the one decade where that is
 * not enough is strtod asked, with every digit that can matter (the bound has 309) and a last one standing for the rest.
 */
static bool
real_is_finite(const struct real *r)
{
	char text[352];
	size_t n = 0;
	int64_t place = r->exponent + (r->whole_end - r->whole) - 1;
	bool rest = false;

	for (int part = 0; part < 2; part++) {
		const char *p = part == 0 ? r->whole : r->fraction, *end = part == 0 ? r->whole_end : r->fraction_end;

		for (; p < end; p++) {
			if (n == 0 && *p == '0')
				place--;
			else if (n < 320)
				text[n++] = *p;
			else
				rest = rest || *p != '0';
		}
	}
	if (n == 0 || place < 308)
		return true;
	if (place > 308)
		return false;
	text[n++] = rest ? '1' : '0';
	(void)snprintf(text + n, sizeof(text) - n, "e%d", 308 - (int)(n - 1));
	return !isinf(strtod(text, NULL));
}

static bool
integer_fits(const char *p, const char *end, bool negative)
{
	uint64_t value = 0, max = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;

	for (; p < end; p++)
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	return value <= max;
}

static const char *
scan_exponent(const char *p, const char *end, int64_t *ret)
{
	bool negative = p < end && *p == '-';
	const char *first;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	first = p;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (*ret < EXPONENT_CLAMP)
			*ret = *ret * 10 + (*p - '0');
	if (negative)
		*ret = -*ret;
	return p == first ? NULL : p;
}

static enum err
scan_number(struct envelope *e, char **cursor, char *end)
{
	const char *p = *cursor;
	bool negative = *p == '-';
	struct real r = { 0 };

	if (negative)
		p++;
	r.whole = p;
	r.whole_end = p = digits(p, end);
	if (r.whole == p || (r.whole[0] == '0' && p - r.whole > 1))
		return wrong(e, "bad number");
	if (p == end || (*p != '.' && *p != 'e' && *p != 'E')) {
		*cursor += p - *cursor;
		return integer_fits(r.whole, p, negative) ? ERR_OK : wrong(e, "integer beyond 64 bits");
	}
	if (*p == '.') {
		r.fraction = p + 1;
		r.fraction_end = p = digits(p + 1, end);
		if (r.fraction == p)
			return wrong(e, "bad number");
	}
	if (p < end && (*p == 'e' || *p == 'E') && (p = scan_exponent(p + 1, end, &r.exponent)) == NULL)
		return wrong(e, "bad number");
	*cursor += p - *cursor;
	return real_is_finite(&r) ? ERR_OK : wrong(e, "number out of range");
}

/* Values and containers. */

static enum err
scan_word(struct envelope *e, char **cursor, char *end, const char *word)
{
	size_t len = strlen(word);
	char *p = *cursor;

	if ((size_t)(end - p) < len || memcmp(p, word, len) != 0)
		return wrong(e, "unknown word");
	p += len;
	*cursor = p;
	return ERR_OK;
}

/* The role of a container that begins where the innermost level expects a value. */
static enum role
child_role(const struct envelope *e, bool is_object)
{
	const struct level *parent;

	if (e->depth == 0)
		return is_object ? ROLE_ROOT : ROLE_OTHER;
	parent = &e->levels[e->depth - 1];
	if (parent->role == ROLE_VALUE)
		return is_object ? ROLE_ITEM : ROLE_OTHER;
	if (parent->member == NULL)
		return ROLE_OTHER;
	return is_object ? parent->member->object_role : parent->member->array_role;
}

static enum err
open_container(struct envelope *e, bool is_object)
{
	enum role role = child_role(e, is_object);
	struct level *level;

	if (e->depth == ENVELOPE_DEPTH_MAX)
		return wrong(e, "nested too deep");
	level = &e->levels[e->depth++];
	level->role = role;
	level->is_object = is_object;
	level->members = 0;
	level->member = NULL;
	level->serial = is_object ? ++e->serial : 0;
	if (role == ROLE_VALUE)
		e->has_value = true;
	if (role == ROLE_ITEM)
		memset(&e->item, 0, sizeof(e->item));
	return ERR_OK;
}

static enum err
close_container(struct envelope *e, char bracket)
{
	const struct level *level = &e->levels[e->depth - 1];

	if (level->is_object != (bracket == '}'))
		return wrong(e, "mismatched bracket");
	if (level->role == ROLE_ITEM)
		e->take(e->arg, &e->item);
	e->depth--;
	return ERR_OK;
}

/* Counts the items of "value" as they begin. */
static void
count_item(struct envelope *e, char first)
{
	if (e->depth == 0 || e->levels[e->depth - 1].role != ROLE_VALUE)
		return;
	e->result->items++;
	if (first != '{')
		e->result->not_objects++;
}

static void
token_take(struct envelope *e, const struct rich_text *text)
{
	if (e->result->token_count < RICH_TOKENS_MAX)
		e->result->tokens[e->result->token_count] = *text;
	e->result->token_count++;
}

static enum err
scan_string_value(struct envelope *e, char **cursor, char *end)
{
	struct level *level = &e->levels[e->depth - 1];
	struct rich_text text;
	enum err err;

	(*cursor)++;
	if ((err = scan_string(e, cursor, end, &text)) != ERR_OK)
		return err;
	if (level->is_object && level->member != NULL && level->member->offset != NO_TEXT)
		memcpy((char *)&e->item + level->member->offset, &text, sizeof(text));
	else if (level->role == ROLE_TOKENS)
		token_take(e, &text);
	return ERR_OK;
}

static enum err
scan_value(struct envelope *e, char **cursor, char *end, enum expect *expect)
{
	char c = **cursor;

	if (e->depth == 0 && c != '{' && c != '[')
		return wrong(e, "not an object");
	count_item(e, c);
	*expect = EXPECT_NEXT;
	switch (c) {
	case '{':
	case '[':
		(*cursor)++;
		*expect = c == '{' ? EXPECT_FIRST_NAME : EXPECT_FIRST_VALUE;
		return open_container(e, c == '{');
	case '"': return scan_string_value(e, cursor, end);
	case 't': return scan_word(e, cursor, end, "true");
	case 'f': return scan_word(e, cursor, end, "false");
	case 'n': return scan_word(e, cursor, end, "null");
	default: return scan_number(e, cursor, end);
	}
}

static char *
skip_space(char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static enum err
scan_name(struct envelope *e, char **cursor, char *end, enum expect *expect)
{
	struct level *level = &e->levels[e->depth - 1];
	struct rich_text name;
	enum err err;
	char *p;

	if (**cursor != '"')
		return wrong(e, "name expected");
	(*cursor)++;
	if ((err = scan_string(e, cursor, end, &name)) != ERR_OK)
		return err;
	if ((err = note_name(e, level, name.at, name.len)) != ERR_OK)
		return err;
	level->member = member_find(level->role, name.at, name.len);
	p = skip_space(*cursor, end);
	if (p == end || *p != ':')
		return wrong(e, "colon expected");
	*cursor = p + 1;
	*expect = EXPECT_VALUE;
	return ERR_OK;
}

/* After a value inside a container: a comma or the end of it. */
static enum err
scan_next(struct envelope *e, char **cursor, enum expect *expect)
{
	char c = *(*cursor)++;

	if (c == ',') {
		*expect = e->levels[e->depth - 1].is_object ? EXPECT_NAME : EXPECT_VALUE;
		return ERR_OK;
	}
	if (c != '}' && c != ']')
		return wrong(e, "comma or end expected");
	return close_container(e, c);
}

/* One step: what stands at *cursor, which is neither space nor the end. */
static enum err
step(struct envelope *e, char **cursor, char *end, enum expect *expect)
{
	char c = **cursor;

	switch (*expect) {
	case EXPECT_FIRST_VALUE:
	case EXPECT_FIRST_NAME:
		if (c == ']' || c == '}') {
			(*cursor)++;
			*expect = EXPECT_NEXT;
			return close_container(e, c);
		}
		return *expect == EXPECT_FIRST_VALUE ? scan_value(e, cursor, end, expect) : scan_name(e, cursor, end, expect);
	case EXPECT_NAME: return scan_name(e, cursor, end, expect);
	case EXPECT_VALUE: return scan_value(e, cursor, end, expect);
	case EXPECT_NEXT: return scan_next(e, cursor, expect);
	}
	return wrong(e, "impossible state");
}

static enum err
scan_document(struct envelope *e, char *body, size_t len, size_t *ret_at)
{
	char *p = body, *end = body + len;
	enum expect expect = EXPECT_VALUE;
	enum err err = ERR_OK;

	while (err == ERR_OK) {
		p = skip_space(p, end);
		*ret_at = (size_t)(p - body);
		if (expect == EXPECT_NEXT && e->depth == 0)
			break;
		if (p == end)
			return wrong(e, "unfinished");
		err = step(e, &p, end, &expect);
	}
	if (err == ERR_OK && p != end)
		return wrong(e, "more than one document");
	return err;
}

enum err
envelope_scan(struct envelope *e, char *body, size_t len, envelope_take take, void *arg, struct envelope_result *ret)
{
	enum err err;

	memset(ret, 0, sizeof(*ret));
	e->depth = 0;
	e->serial = 0;
	e->has_value = false;
	e->take = take;
	e->arg = arg;
	e->result = ret;
	err = scan_document(e, body, len, &ret->at);
	if (err == ERR_OK && !e->has_value)
		err = wrong(e, "no value array");
	table_reset(e);
	return err;
}
