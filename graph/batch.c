/*
 * batch.c - $batch. Answers are matched by id alone; of two for one id the first counts, unknown ids are ignored.
 */
#include "graph/batch.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "graph/answer.h"

#define RETRY_AFTER_MAX_S 86400

static json_t *
get_json(const struct graph_batch_get *get, size_t n)
{
	char id[16];
	json_t *o;

	(void)snprintf(id, sizeof(id), "%zu", n);
	o = json_pack("{s:s, s:s, s:s}", "id", id, "method", "GET", "url", get->path);
	if (o == NULL || get->prefer == NULL)
		return o;
	if (json_object_set_new(o, "headers", json_pack("{s:s}", "Prefer", get->prefer)) == 0)
		return o;
	json_decref(o);
	return NULL;
}

json_t *
graph_batch_json(const struct graph_batch_get *gets, size_t count)
{
	json_t *list = json_array();

	if (count == 0 || count > GRAPH_BATCH_MAX)
		goto fail;
	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(list, get_json(&gets[i], i)) != 0)
			goto fail;
	return json_pack("{s:o}", "requests", list);
fail:
	json_decref(list);
	return NULL;
}

/* Seconds only: that is what inner answers carry. */
static int64_t
read_retry_after(const json_t *headers)
{
	const char *key;
	const json_t *value;
	uint64_t s;

	json_object_foreach(
	    (json_t *)headers, key, value) if (str_equal_nocase(key, "Retry-After") && json_is_string(value) &&
	                                       parse_u64(json_string_value(value), &s) ==
	                                           ERR_OK) return (int64_t)(s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) *
	    1000;
	return -1;
}

static void
read_one(const json_t *item, size_t count, struct graph_batch_result *ret)
{
	const char *id = jx_get_str(item, "id");
	int64_t status = jx_get_int(item, "status", 0);
	struct graph_error error;
	uint64_t n;

	if (id == NULL || parse_u64(id, &n) != ERR_OK || n >= count || ret[n].status != 0 || status < 100 || status > 599)
		return;
	ret[n].status = (int)status;
	ret[n].body = json_object_get(item, "body");
	ret[n].retry_after_ms = read_retry_after(jx_get_object(item, "headers"));
	graph_error_read(ret[n].body, &error);
	ret[n].err = graph_error_judge((int)status, &error);
}

enum err
graph_batch_read(const json_t *json, size_t count, struct graph_batch_result *ret)
{
	const json_t *responses = jx_get_array(json, "responses");
	const json_t *item;
	size_t i;

	for (i = 0; i < count; i++)
		ret[i] = (struct graph_batch_result){ ERR_UNEXPECTED, 0, NULL, -1 };
	if (responses == NULL)
		return ERR_UNEXPECTED;
	json_array_foreach((json_t *)responses, i, item) read_one(item, count, ret);
	return ERR_OK;
}
