/* Spellings of "resource" and the meaning of each kind: graph-facts 4.1 and 6. What is not understood widens, never narrows. */
#include "listener/notification.h"

#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "base/hash.h"
#include "listener/envelope.h"
#include "listener/known_states.h"
#include "model/resource.h"

static const struct {
	const char *name;
	enum hint_kind kind;
} change_types[] = {
	{ "created", HINT_CREATED },
	{ "updated", HINT_UPDATED },
	{ "deleted", HINT_DELETED },
}, lifecycle_events[] = {
	{ "reauthorizationRequired", HINT_REAUTHORIZATION_REQUIRED },
	{ "subscriptionRemoved", HINT_SUBSCRIPTION_REMOVED },
	{ "missed", HINT_MISSED },
};

/* Collections whose entries a hint can name. */
static const char *const collections[] = { "members", "allMembers", "events" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
text_is(const struct rich_text *text, const char *name)
{
	return text->len == strlen(name) && strncasecmp(text->at, name, text->len) == 0;
}

static enum hint_kind
kind_of(const struct envelope_item *item)
{
	if (item->lifecycle_event.at != NULL) {
		for (size_t i = 0; i < COUNT(lifecycle_events); i++)
			if (text_is(&item->lifecycle_event, lifecycle_events[i].name))
				return lifecycle_events[i].kind;
		return HINT_OTHER;
	}
	for (size_t i = 0; item->change_type.at != NULL && i < COUNT(change_types); i++)
		if (text_is(&item->change_type, change_types[i].name))
			return change_types[i].kind;
	return HINT_OTHER;
}

/* True when text, up to len, ends in "/" and one of the collections, or is just that. */
static bool
ends_in_collection(const char *text, size_t len)
{
	for (size_t i = 0; i < COUNT(collections); i++) {
		size_t n = strlen(collections[i]);

		if (len >= n && strncasecmp(text + len - n, collections[i], n) == 0 && (len == n || text[len - n - 1] == '/'))
			return true;
	}
	return false;
}

/* ".../members('ID')" or ".../members/ID", still percent-encoded. */
static struct rich_text
resource_tail(const struct rich_text *resource)
{
	const struct rich_text none = { NULL, 0 };
	const char *text = resource->at, *mark;
	size_t len = resource->len;

	if (text == NULL)
		return none;
	if (len >= 4 && memcmp(text + len - 2, "')", 2) == 0) {
		mark = memmem(text, len, "('", 2);
		for (const char *next = mark; next != NULL; next = memmem(next + 2, len - (size_t)(next + 2 - text), "('", 2))
			mark = next;
		if (mark == NULL || mark + 2 > text + len - 2 || !ends_in_collection(text, (size_t)(mark - text)))
			return none;
		return (struct rich_text){ mark + 2, (size_t)(text + len - 2 - (mark + 2)) };
	}
	mark = memrchr(text, '/', len);
	if (mark == NULL || !ends_in_collection(text, (size_t)(mark - text)))
		return none;
	return (struct rich_text){ mark + 1, (size_t)(text + len - (mark + 1)) };
}

/* Ids with a control character are nobody's: the scope is dirty as a whole, and nothing odd reaches a URL or a log later. */
static bool
plain_id(const char *id, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f)
			return false;
	return true;
}

static void
put_item(struct hint *hint, const struct envelope_item *item)
{
	char decoded[3 * HINT_ITEM_MAX + 1];
	struct rich_text id = item->resource_id;
	size_t len;

	hint->item_len = 0;
	if (hint->kind > HINT_DELETED)
		return;
	if (id.at == NULL || id.len == 0) {
		id = resource_tail(&item->resource);
		if (id.at == NULL || id.len > sizeof(decoded) - 1 || percent_decode(id.at, id.len, 0, decoded, &len) != ERR_OK)
			return;
		id = (struct rich_text){ decoded, len };
	}
	if (id.len > HINT_ITEM_MAX || !plain_id(id.at, id.len))
		return;
	memcpy(hint->item, id.at, id.len);
	hint->item_len = (uint16_t)id.len;
}

/* Each text with its length before it, so that no two items share an input. An absent text counts as an empty one. */
static void
put_digest(struct hint *hint, const struct envelope_item *item)
{
	const struct rich_text *texts[] = { &item->subscription_id, &item->id, &item->resource, &item->resource_id,
		item->lifecycle_event.at != NULL ? &item->lifecycle_event : &item->change_type, &item->resource_etag };
	struct span parts[1 + COUNT(texts)];
	char lengths_and_short[1024];
	uint32_t lengths[COUNT(texts)];
	uint8_t hash[HASH_LEN];
	size_t used = sizeof(lengths), count = 1;

	for (size_t i = 0; i < COUNT(texts); i++) {
		const struct rich_text *t = texts[i];

		lengths[i] = (uint32_t)t->len;
		/* Short texts are gathered: each part of its own costs more than hashing it. */
		if (count == 1 && t->len <= sizeof(lengths_and_short) - used) {
			if (t->len > 0)
				memcpy(lengths_and_short + used, t->at, t->len);
			used += t->len;
		} else {
			parts[count++] = (struct span){ t->at != NULL ? t->at : "", t->len };
		}
	}
	memcpy(lengths_and_short, lengths, sizeof(lengths));
	parts[0] = (struct span){ lengths_and_short, used };
	sha256(parts, count, hash);
	memcpy(hint->digest, hash, HINT_DIGEST_LEN);
}

bool
notification_hint(struct known_states *known, const struct envelope_item *item, int64_t now_wall_ms, struct hint *ret)
{
	if (item->client_state.at == NULL ||
	    !known_states_check(known, item->client_state.at, item->client_state.len, &ret->scope))
		return false;
	ret->kind = kind_of(item);
	ret->received_wall_ms = now_wall_ms;
	ret->rich = NULL;
	(void)resource_team(item->resource.at, item->resource.len, &ret->team);
	put_item(ret, item);
	put_digest(ret, item);
	return true;
}
