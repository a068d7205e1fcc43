/* Patterns laid over a calendar, less what was cancelled, with what was changed in its place. */
#include "sim/occasion.h"

#include <stdlib.h>
#include <string.h>

#include "sim/event_read.h"
#include "sim/memory.h"
#include "sim/series.h"

#define DAY_MS          ((int64_t)LOCAL_DAY_S * 1000)
#define OCCURRENCES_MAX 4096 /* of one series in one window */

/* The occurrence of a day, as the pattern has it. */
static bool
place(const struct event *e, const json_t *state, int64_t day, struct occasion *ret)
{
	const char *zone, *end_zone;
	struct local_time start = event_local(state, "start", &zone), end = event_local(state, "end", &end_zone);
	int64_t shift_s = (day - local_day(start)) * LOCAL_DAY_S;

	*ret = (struct occasion){ .event = (struct event *)e, .state = state, .plain = true };
	ret->start.s = start.s + shift_s;
	ret->end.s = end.s + shift_s;
	local_date_format(day, ret->date);
	return event_instant(ret->start, zone, &ret->start_ms) && event_instant(ret->end, end_zone, &ret->end_ms);
}

void
occasion_alone(const struct event *e, const json_t *state, unsigned version, struct occasion *ret)
{
	const char *zone;

	*ret = (struct occasion){ .event = (struct event *)e,
		.state = state,
		.version = version,
		.start = event_local(state, "start", &zone),
		.end = event_local(state, "end", &zone),
		.start_ms = jx_get_int(state, "startMs", 0),
		.end_ms = jx_get_int(state, "endMs", 0) };
	memcpy(ret->date, e->date, sizeof(ret->date));
}

/* An event without length is in the window that its start is in. */
static bool
overlaps(const struct occasion *o, int64_t from_ms, int64_t to_ms)
{
	return o->start_ms < to_ms && (o->end_ms > from_ms || (o->end_ms == o->start_ms && o->start_ms >= from_ms));
}

static int
compare_occasions(const void *a, const void *b)
{
	const struct occasion *x = a, *y = b;

	return x->start_ms < y->start_ms ? -1 : x->start_ms > y->start_ms;
}

size_t
occasions_within(const struct event *e, int64_t read_ms, int64_t from_ms, int64_t to_ms, struct occasion *ret, size_t max)
{
	unsigned version;
	const json_t *state = calendar_seen(e, read_ms, &version), *recurrence = jx_get_object(state, "recurrence");
	int64_t *days, length;
	size_t n = 0, count;
	struct occasion o;

	if (state == NULL || e->master != NULL)
		return 0;
	if (recurrence == NULL) {
		occasion_alone(e, state, version, &o);
		if (overlaps(&o, from_ms, to_ms) && max > 0)
			ret[n++] = o;
		return n;
	}
	days = must_alloc(OCCURRENCES_MAX * sizeof(*days));
	length = (jx_get_int(state, "endMs", 0) - jx_get_int(state, "startMs", 0)) / DAY_MS + 2;
	count = series_days(recurrence, from_ms / DAY_MS - length, to_ms / DAY_MS + 2, days, OCCURRENCES_MAX);
	for (size_t i = 0; i < count && n < max; i++) {
		if (!place(e, state, days[i], &o) || !overlaps(&o, from_ms, to_ms) || calendar_date_cancelled(e, o.date) ||
		    calendar_exception(e, o.date) != NULL)
			continue;
		o.version = version;
		ret[n++] = o;
	}
	free(days);
	for (size_t i = 0; i < e->exception_count && n < max; i++) {
		const json_t *own = calendar_seen(e->exceptions[i], read_ms, &version);

		if (own == NULL)
			continue;
		occasion_alone(e->exceptions[i], own, version, &o);
		if (overlaps(&o, from_ms, to_ms))
			ret[n++] = o;
	}
	qsort(ret, n, sizeof(*ret), compare_occasions);
	return n;
}

bool
occasion_of_date(const struct event *series, const char *date, struct occasion *ret)
{
	const json_t *recurrence = jx_get_object(series->state, "recurrence");
	const struct event *x = calendar_exception(series, date);
	int64_t day, found;

	if (x != NULL) {
		occasion_alone(x, x->state, x->version, ret);
		return true;
	}
	if (recurrence == NULL || calendar_date_cancelled(series, date) || local_date_parse(date, &day) != ERR_OK ||
	    series_days(recurrence, day, day, &found, 1) == 0 || !place(series, series->state, day, ret))
		return false;
	ret->version = series->version;
	return true;
}

bool
occasion_may_begin(const struct event *series, const char *date, int64_t start_ms, int64_t end_ms)
{
	int64_t day, *days = must_alloc(OCCURRENCES_MAX * sizeof(*days));
	bool good = local_date_parse(date, &day) == ERR_OK;
	size_t n =
	    good ? series_days(jx_get_object(series->state, "recurrence"), day - 400, day + 400, days, OCCURRENCES_MAX) : 0;
	struct occasion o;
	char text[LOCAL_DATE_SIZE];

	for (size_t i = 0; good && i < n; i++) {
		local_date_format(days[i], text);
		if (days[i] == day || !occasion_of_date(series, text, &o))
			continue;
		good = days[i] < day ? start_ms >= o.end_ms : end_ms <= o.start_ms;
	}
	free(days);
	return good;
}

static void
set_time(json_t *state, const char *key, struct local_time t)
{
	char text[LOCAL_TIME_SIZE];
	const char *zone;

	event_local(state, key, &zone);
	local_time_format(t, text);
	json_object_set_new(state, key, json_pack("{s:s,s:s}", "dateTime", text, "timeZone", zone));
}

json_t *
occasion_state(const struct occasion *o)
{
	json_t *state = json_copy((json_t *)o->state);

	set_time(state, "start", o->start);
	set_time(state, "end", o->end);
	json_object_set_new(state, "startMs", json_integer((json_int_t)o->start_ms));
	json_object_set_new(state, "endMs", json_integer((json_int_t)o->end_ms));
	json_object_set_new(state, "recurrence", json_null());
	return state;
}
