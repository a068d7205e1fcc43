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

static void
take(void *arg, const struct envelope_item *item)
{
	struct hint hint;

	(void)notification_hint(known, item, 0, &hint);
	++*(size_t *)arg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t hash_key[16] = { 1 };
	static const struct key32 intake_key = { { 1 } };
	static struct envelope *e;
	struct envelope_result result;
	size_t taken = 0;
	char *body = malloc(size > 0 ? size : 1);
	json_t *root;
	bool ours, theirs;

	if (e == NULL) {
		e = envelope_new(hash_key);
		known = known_states_new(&intake_key);
	}
	memcpy(body, data, size);
	ours = envelope_scan(e, body, size, take, &taken, &result) == ERR_OK;
	free(body);
	root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	/* jansson loses a NUL that ends a number or a word; we refuse it everywhere. */
	theirs = memchr(data, 0, size) == NULL && json_is_array(json_object_get(root, "value")) &&
	         within_depth(root, ENVELOPE_DEPTH_MAX);
	if (ours != theirs)
		abort();
	if (ours &&
	    (result.items != json_array_size(json_object_get(root, "value")) || taken + result.not_objects != result.items))
		abort();
	json_decref(root);
	return 0;
}
