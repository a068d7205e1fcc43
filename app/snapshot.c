#include "app/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/request.h"
#include "base/json.h"
#include "model/event_json.h"

/* ---------- reading ---------- */

void
snapshot_reader_init(struct snapshot_reader *r, const struct snapshot_sink *sink)
{
	memset(r, 0, sizeof(*r));
	r->sink = sink;
	text_init(&r->line, SNAPSHOT_LINE_MAX + 1);
}

void
snapshot_reader_done(struct snapshot_reader *r)
{
	text_done(&r->line);
}

static bool
fail(struct snapshot_reader *r, const char *why)
{
	if (r->err != ERR_OK)
		return false;
	r->err = ERR_MALFORMED;
	snprintf(r->detail, sizeof(r->detail), "The snapshot is discarded: line %lld %s.", (long long)r->line_number, why);
	return false;
}

static bool
take_end(struct snapshot_reader *r, const json_t *o)
{
	if (!jx_get_bool(o, "end", false) || jx_get_int(o, "members", -1) != r->members ||
	    jx_get_int(o, "events", -1) != r->events)
		return fail(r, "ends it with other counts than there were lines");
	r->ended = true;
	return true;
}

/* The sink does not want the rest. */
static bool
stop(struct snapshot_reader *r)
{
	r->err = ERR_CONFLICT;
	return false;
}

static bool
tell_event(struct snapshot_reader *r, const json_t *event)
{
	struct event_fields *fields = NULL;
	struct event_id id;
	bool ok;

	if (event_item_read(event, &id, &fields, NULL) != ERR_OK)
		fields = NULL;
	ok = r->sink->event(r->sink->arg, &id, fields);
	event_fields_free(fields);
	return ok || stop(r);
}

static bool
take_event(struct snapshot_reader *r, const json_t *event)
{
	const char *id = jx_get_str(event, "event");
	struct event_id parsed;

	if (id == NULL || !event_id_parse(id, &parsed))
		return fail(r, "names no event: \"event\" must be 1 to 128 of A-Z a-z 0-9 . _ ~ -");
	r->events++;
	return r->sink == NULL || tell_event(r, event);
}

static bool
take_member(struct snapshot_reader *r, const json_t *member)
{
	struct app_member_put put;

	if (request_list_member(member, &put) != ERR_OK)
		return fail(r, "names no member as a PUT would");
	r->members++;
	return r->sink == NULL || r->sink->member(r->sink->arg, &put) || stop(r);
}

static bool
take_object(struct snapshot_reader *r, const json_t *o)
{
	json_t *member = jx_get_object(o, "member"), *event = jx_get_object(o, "event");

	if (json_object_get(o, "end") != NULL)
		return take_end(r, o);
	if (json_object_size(o) != 1 || (member == NULL && event == NULL))
		return fail(r, "is neither a member nor an event nor the end");
	return member != NULL ? take_member(r, member) : take_event(r, event);
}

static bool
take_line(struct snapshot_reader *r, const char *line, size_t len)
{
	json_t *o = NULL;
	bool ok;

	r->line_number++;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return true;
	if (r->ended)
		return fail(r, "comes after the end");
	if (jx_parse(line, len, &o, NULL, 0) != ERR_OK)
		return fail(r, "is not JSON");
	ok = take_object(r, o);
	json_decref(o);
	return ok;
}

bool
snapshot_reader_feed(struct snapshot_reader *r, const char *data, size_t len)
{
	r->size += len;
	if (r->size > SNAPSHOT_SIZE_MAX)
		return fail(r, "is beyond what a snapshot may hold");
	while (r->err == ERR_OK && len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t part = end != NULL ? (size_t)(end - data) : len;

		if (r->line.len + part > SNAPSHOT_LINE_MAX)
			return fail(r, "is too long");
		text_add(&r->line, data, part);
		if (text_err(&r->line) != ERR_OK)
			return fail(r, "does not fit the memory there is");
		if (end == NULL)
			return true;
		if (!take_line(r, r->line.data != NULL ? r->line.data : "", r->line.len))
			return false;
		text_reset(&r->line);
		data += part + 1;
		len -= part + 1;
	}
	return r->err == ERR_OK;
}

enum err
snapshot_reader_finish(struct snapshot_reader *r)
{
	/* The last line may do without its end. */
	if (r->err == ERR_OK && r->line.len > 0)
		(void)take_line(r, r->line.data, r->line.len);
	text_reset(&r->line);
	if (r->err == ERR_OK && !r->ended) {
		r->line_number++;
		(void)fail(r, "should be the end, and is missing");
	}
	return r->err;
}

/* ---------- fetching ---------- */

struct snapshot {
	struct http_transport *transport;
	struct http_call *call;
	struct snapshot_reader reader;
	bool full; /* keep could not */
	bool (*keep)(void *arg, const char *data, size_t len);
	void (*done)(void *arg, const struct snapshot_end *end);
	void *arg;
};

static bool
on_data(void *arg, const char *data, size_t len)
{
	struct snapshot *s = arg;

	if (!snapshot_reader_feed(&s->reader, data, len))
		return false;
	s->full = !s->keep(s->arg, data, len);
	return !s->full;
}

static void
on_done(void *arg, const struct http_answer *answer)
{
	struct snapshot *s = arg;
	struct snapshot_end end = { .err = s->reader.err, .detail = s->reader.detail };
	char detail[DETAIL_SIZE];

	s->call = NULL;
	if (end.err == ERR_OK && s->full) {
		end.err = ERR_FULL;
		end.detail = "The snapshot is discarded: there is no room to lay it aside.";
	} else if (end.err == ERR_OK && answer->err == ERR_OK && answer->status == 200) {
		end.err = snapshot_reader_finish(&s->reader);
	} else if (end.err == ERR_OK) {
		end.err = answer->err != ERR_OK ? answer->err : ERR_REMOTE;
		if (answer->status != 0)
			snprintf(detail, sizeof(detail), "The snapshot is discarded: the app answered %d.", answer->status);
		else
			snprintf(detail, sizeof(detail), "The snapshot is discarded: %s.",
			    answer->detail != NULL && answer->detail[0] != '\0' ? answer->detail : err_text(end.err));
		end.detail = detail;
	}
	s->done(s->arg, &end);
	snapshot_cancel(s);
}

struct snapshot *
snapshot_start(struct http_transport *transport, const char *url, const struct erg_id *erg,
    bool (*keep)(void *arg, const char *data, size_t len), void (*done)(void *arg, const struct snapshot_end *end), void *arg)
{
	static const char *const headers[] = { "Accept: application/x-ndjson", NULL };
	struct snapshot *s = calloc(1, sizeof(*s));
	struct http_request request = {
		.method = "GET", .headers = headers, .timeout_ms = SNAPSHOT_TIMEOUT_MS, .on_data = on_data
	};
	struct text target;

	if (s == NULL)
		return NULL;
	s->transport = transport;
	s->keep = keep;
	s->done = done;
	s->arg = arg;
	snapshot_reader_init(&s->reader, NULL);
	text_init(&target, 8192);
	/* Ids of the app are made of characters that stand in a URL as they are. */
	text_addf(&target, "%s?erg=%s", url, erg->s);
	request.url = target.data;
	if (text_err(&target) == ERR_OK)
		s->call = http_start(transport, &request, on_done, s);
	text_done(&target);
	if (s->call != NULL)
		return s;
	snapshot_cancel(s);
	return NULL;
}

void
snapshot_cancel(struct snapshot *s)
{
	if (s == NULL)
		return;
	http_cancel(s->transport, s->call);
	snapshot_reader_done(&s->reader);
	free(s);
}
