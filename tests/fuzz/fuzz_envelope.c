/* The envelope scanner against jansson: the same bodies accepted, save that we want an object with "value" and 32 levels at most. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "listener/envelope.h"
#include "listener/known_states.h"
#include "listener/notification.h"
#include "model/rich_item.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct known_states *known;

static bool
within_depth(const json_t *j, size_t left)
{
	const char *key;
	json_t *child;
	size_t i;

	if (!json_is_object(j) && !json_is_array(j))
		return true;
	if (left == 0)
		return false;
	json_object_foreach((json_t *)j, key, child) if (!within_depth(child, left - 1)) return false;
	json_array_foreach(j, i, child) if (!within_depth(child, left - 1)) return false;
	return true;
}

struct taken {
	size_t count;
	struct rich_item rich; /* of the last item that had some */
};

static void
take(void *arg, const struct envelope_item *item)
{
	struct taken *taken = arg;
	struct hint hint;

	(void)notification_hint(known, item, 0, &hint);
	taken->count++;
	if (item->rich.parts[RICH_DATA].at != NULL)
		taken->rich = item->rich;
}

/* What is kept of a rich item can be read again as what it was. */
static void
check_rich(struct rich_item *item, const struct envelope_result *result)
{
	struct rich_packed *packed;
	struct rich_item again;

	memcpy(item->tokens, result->tokens, sizeof(item->tokens));
	item->token_count = result->token_count;
	if ((packed = rich_pack(item)) == NULL)
		return;
	if (rich_unpack(packed, &again) != ERR_OK || again.token_count != item->token_count)
		abort();
	for (size_t i = 0; i < RICH_PART_COUNT; i++)
		if (again.parts[i].len != item->parts[i].len ||
		    memcmp(again.parts[i].at, item->parts[i].at, item->parts[i].len) != 0)
			abort();
	free(packed);
}

static size_t
token_count(const json_t *root)
{
	const json_t *list = json_object_get(root, "validationTokens"), *token;
	size_t i, count = 0;

	json_array_foreach(list, i, token) count += json_is_string(token);
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t hash_key[16] = { 1 };
	static const struct key32 intake_key = { { 1 } };
	static struct envelope *e;
	struct envelope_result result;
	struct taken taken = { 0 };
	char *body = malloc(size > 0 ? size : 1);
	json_t *root;
	bool ours, theirs;

	if (e == NULL) {
		e = envelope_new(hash_key);
		known = known_states_new(&intake_key);
	}
	memcpy(body, data, size);
	ours = envelope_scan(e, body, size, take, &taken, &result) == ERR_OK;
	if (ours)
		check_rich(&taken.rich, &result);
	free(body);
	root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	/* jansson loses a NUL that ends a number or a word; we refuse it everywhere. */
	theirs = memchr(data, 0, size) == NULL && json_is_array(json_object_get(root, "value")) &&
	         within_depth(root, ENVELOPE_DEPTH_MAX);
	if (ours != theirs)
		abort();
	if (ours && (result.items != json_array_size(json_object_get(root, "value")) ||
	                taken.count + result.not_objects != result.items || result.token_count != token_count(root)))
		abort();
	json_decref(root);
	return 0;
}
