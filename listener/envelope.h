/*
 * envelope.h - the JSON of one notification POST, checked whole and read in a single pass. Pure.
 *
 * Accepts exactly what jansson 2.14 accepts with JSON_REJECT_DUPLICATES, save that we are stricter in this:
 * the root is an object with a "value" array, no byte is NUL (jansson loses one that ends a number), nesting is at most ENVELOPE_DEPTH_MAX, and objects of more than
 * ENVELOPE_SMALL members have at most ENVELOPE_MEMBERS_MAX together. tests/unit/listener/test_envelope.c holds it to that.
 * Items of "value" that are not objects are skipped (contract.md section 9). Shapes: graph-facts.md 4.1 and 6.
 */
#ifndef LISTENER_ENVELOPE_H
#define LISTENER_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/rich_item.h"

/* Containers within each other, the root being the first: contract.md section 3. */
#define ENVELOPE_DEPTH_MAX 32
/* Duplicate names are found by comparing up to here, by a hash table beyond. */
#define ENVELOPE_SMALL 24
/* Bounds that table: 4 MiB. A body of 1 MiB made of nothing but short names has twice as many. */
#define ENVELOPE_MEMBERS_MAX 100000

/* Decoded texts; at is NULL when the member is absent or not a string. */
struct envelope_item {
	struct rich_text id, subscription_id, client_state, change_type, lifecycle_event, resource;
	struct rich_text resource_id, resource_etag; /* of resourceData */
	struct rich_item rich; /* of encryptedContent; its texts stay where they are as long as body does. Without tokens */
};

/* Called for each object in "value" when it ends. item and its texts are borrowed until the call returns. */
typedef void (*envelope_take)(void *arg, const struct envelope_item *item);

struct envelope_result {
	size_t items; /* in "value", of any type */
	size_t not_objects;
	/* validationTokens, borrowed from body; token_count grows beyond the array when there are more. */
	struct rich_text tokens[RICH_TOKENS_MAX];
	size_t token_count;
	const char *why; /* static; what is wrong, after ERR_MALFORMED */
	size_t at;       /* and at which byte */
};

struct envelope;

/* hash_key keeps a sender from choosing names that collide. NULL when out of memory. One thread at a time. */
struct envelope *envelope_new(const uint8_t hash_key[16]);
void envelope_free(struct envelope *e); /* NULL is fine */

/*
 * Scans body, decoding escaped strings in place, so that body is spoilt afterwards. take may have been called for some items
 * when ERR_MALFORMED (answer 400) or ERR_NOMEM comes: the caller undoes what it did for them.
 */
enum err envelope_scan(struct envelope *e, char *body, size_t len, envelope_take take, void *arg, struct envelope_result *ret);

#endif
