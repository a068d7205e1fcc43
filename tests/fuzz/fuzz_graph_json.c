/* Items of Graph's pages and deltas: no JSON may break their reading. The first byte says what the rest is read as. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "graph/answer.h"
#include "graph/delta.h"
#include "graph/event_json.h"
#include "graph/members.h"
#include "model/recurrence_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
as_event(const json_t *json)
{
	struct graph_event e;

	if (graph_event_read(json, &e) == ERR_OK)
		graph_event_done(&e);
	if (graph_event_read_loosely(json, &e) == ERR_OK)
		graph_event_done(&e);
}

static void
as_series(const json_t *json)
{
	struct event_fields *f = event_fields_new();

	if (f == NULL)
		return;
	(void)graph_event_exceptions_read(json, f);
	event_fields_free(f);
}

static void
as_member(const json_t *json)
{
	struct graph_member m;

	(void)graph_member_read(json, &m);
	(void)graph_member_rich_read(json, "m", &m);
}

static void
as_group(const json_t *json)
{
	struct graph_delta_group group;
	struct graph_delta_member member;

	if (graph_delta_read(json, &group) != ERR_OK)
		return;
	for (size_t i = 0; i < graph_delta_member_count(&group); i++)
		(void)graph_delta_member(&group, i, &member);
}

/* What was understood is written so that it is understood as the same. */
static void
as_recurrence(const json_t *json)
{
	struct recurrence r, again;
	char zone[TIME_ZONE_SIZE];
	json_t *ours, *theirs;

	if (recurrence_from_json(json, &r, zone) != ERR_OK)
		return;
	ours = recurrence_to_json(&r, zone);
	if (ours == NULL || recurrence_from_json(ours, &again, NULL) != ERR_OK)
		abort();
	theirs = recurrence_to_json(&again, zone);
	if (!json_equal(ours, theirs))
		abort();
	json_decref(ours);
	json_decref(theirs);
}

static void
as_error(const json_t *json)
{
	struct graph_error error;

	graph_error_read(json, &error);
	for (int status = 400; status < 600; status += 4)
		(void)graph_error_judge(status, &error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char letter;
		void (*read)(const json_t *json);
	} readers[] = { { 'e', as_event }, { 's', as_series }, { 'm', as_member }, { 'g', as_group }, { 'r', as_recurrence },
		{ 'f', as_error } };
	json_t *json;

	if (size < 1 || jx_parse((const char *)data + 1, size - 1, &json, NULL, 0) != ERR_OK)
		return 0;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (data[0] == (uint8_t)readers[i].letter)
			readers[i].read(json);
	json_decref(json);
	return 0;
}
