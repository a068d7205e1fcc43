/*
 * rich_item.h - the encrypted part of a rich notification, as listener and reconciler hand it on. graph-facts section 5.
 *
 * The listener can open nothing of it: it has no key. It keeps the texts as they came, each as a line, the validation tokens of the
 * POST last; what cannot be a line (control characters, spaces, no ASCII) or is too long makes a plain hint of the item. Pure.
 */
#ifndef MODEL_RICH_ITEM_H
#define MODEL_RICH_ITEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* A member's item has about 1.2 KiB and a token 1.5 KiB. */
#define RICH_ITEM_MAX   16384
#define RICH_TOKENS_MAX 8

enum rich_part { RICH_CERTIFICATE_ID, RICH_THUMBPRINT, RICH_DATA_KEY, RICH_DATA, RICH_SIGNATURE, RICH_PART_COUNT };

struct rich_text {
	const char *at;
	size_t len;
};

/* Borrowed texts. */
struct rich_item {
	struct rich_text parts[RICH_PART_COUNT];
	struct rich_text tokens[RICH_TOKENS_MAX];
	size_t token_count;
};

/* As it is stored. */
struct rich_packed {
	size_t len;
	char text[];
};

/* Gives what free() takes, or NULL: a part is missing or cannot be kept, no token, too many, or no memory. */
struct rich_packed *rich_pack(const struct rich_item *item);
struct rich_packed *rich_copy(const char *text, size_t len);
/* ret borrows packed. ERR_MALFORMED: nothing rich_pack has made. */
enum err rich_unpack(const struct rich_packed *packed, struct rich_item *ret);

#endif
