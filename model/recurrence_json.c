/* recurrence_json.c - the names are in the enums' tables; here is which type has which member. */
#include "model/recurrence_json.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* Which members each type has. */
enum member { MEMBER_DAYS = 1, MEMBER_FIRST_DAY = 2, MEMBER_INDEX = 4, MEMBER_DAY_OF_MONTH = 8, MEMBER_MONTH = 16 };
static const unsigned members[] = {
	[RECURRENCE_DAILY] = 0,
	[RECURRENCE_WEEKLY] = MEMBER_DAYS | MEMBER_FIRST_DAY,
	[RECURRENCE_ABSOLUTE_MONTHLY] = MEMBER_DAY_OF_MONTH,
	[RECURRENCE_RELATIVE_MONTHLY] = MEMBER_DAYS | MEMBER_INDEX,
	[RECURRENCE_ABSOLUTE_YEARLY] = MEMBER_DAY_OF_MONTH | MEMBER_MONTH,
	[RECURRENCE_RELATIVE_YEARLY] = MEMBER_DAYS | MEMBER_INDEX | MEMBER_MONTH,
};

static json_t *
days_to_json(unsigned days)
{
	json_t *list = json_array();

	for (int d = 0; d < 7; d++)
		if (days & 1u << d && json_array_append_new(list, json_string(recurrence_day_names[d])) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *
pattern_to_json(const struct recurrence *r)
{
	json_t *o = json_pack("{s:s, s:i}", "type", recurrence_type_names[r->type], "interval", r->interval);
	unsigned has = members[r->type];
	int failed = 0;

	if (has & MEMBER_DAYS)
		failed |= json_object_set_new(o, "daysOfWeek", days_to_json(r->days));
	if (has & MEMBER_FIRST_DAY)
		failed |= json_object_set_new(o, "firstDayOfWeek", json_string(recurrence_day_names[r->first_day]));
	if (has & MEMBER_INDEX)
		failed |= json_object_set_new(o, "index", json_string(recurrence_index_names[r->index]));
	if (has & MEMBER_DAY_OF_MONTH)
		failed |= json_object_set_new(o, "dayOfMonth", json_integer(r->day_of_month));
	if (has & MEMBER_MONTH)
		failed |= json_object_set_new(o, "month", json_integer(r->month));
	if (failed == 0)
		return o;
	json_decref(o);
	return NULL;
}

static int
set_date(json_t *o, const char *key, int64_t day)
{
	char date[LOCAL_DATE_SIZE];

	local_date_format(day, date);
	return json_object_set_new(o, key, json_string(date));
}

static json_t *
range_to_json(const struct recurrence *r, const char *zone)
{
	json_t *o = json_pack("{s:s}", "type", recurrence_end_names[r->end]);
	int failed = set_date(o, "startDate", r->start_day);

	if (r->end == RECURRENCE_END_DATE)
		failed |= set_date(o, "endDate", r->end_day);
	if (r->end == RECURRENCE_NUMBERED)
		failed |= json_object_set_new(o, "numberOfOccurrences", json_integer(r->count));
	if (zone != NULL)
		failed |= json_object_set_new(o, "recurrenceTimeZone", json_string(zone));
	if (failed == 0)
		return o;
	json_decref(o);
	return NULL;
}

json_t *
recurrence_to_json(const struct recurrence *r, const char *zone)
{
	return json_pack("{s:o, s:o}", "pattern", pattern_to_json(r), "range", range_to_json(r, zone));
}

/* Index of a name Graph gave; -1. */
static int
find(const char *const *names, const char *name)
{
	for (int i = 0; name != NULL && names[i] != NULL; i++)
		if (str_equal_nocase(names[i], name))
			return i;
	return -1;
}

static bool
read_days(const json_t *pattern, unsigned *ret)
{
	const json_t *item;
	size_t i;

	*ret = 0;
	json_array_foreach(jx_get_array(pattern, "daysOfWeek"), i, item)
	{
		int d = find(recurrence_day_names, json_string_value(item));

		if (d < 0)
			return false;
		*ret |= 1u << d;
	}
	return *ret != 0;
}

static bool
read_number(const json_t *o, const char *key, int max, int *ret)
{
	int64_t n = jx_get_int(o, key, 0);

	*ret = (int)(n >= 1 && n <= max ? n : 0);
	return *ret > 0;
}

/* fallback: what an absent member means; -1: it must be there. */
static bool
read_name(const json_t *o, const char *key, const char *const *names, int fallback, int *ret)
{
	const char *name = jx_get_str(o, key);

	*ret = name == NULL ? fallback : find(names, name);
	return *ret >= 0;
}

static bool
read_pattern(const json_t *o, struct recurrence *r)
{
	int word;
	unsigned has;

	if (!read_name(o, "type", recurrence_type_names, -1, &word) || !read_number(o, "interval", RECURRENCE_MAX, &r->interval))
		return false;
	r->type = (enum recurrence_type)word;
	has = members[word];
	if (has & MEMBER_DAYS && !read_days(o, &r->days))
		return false;
	if (has & MEMBER_FIRST_DAY && !read_name(o, "firstDayOfWeek", recurrence_day_names, 0, &r->first_day))
		return false;
	if (has & MEMBER_INDEX) {
		if (!read_name(o, "index", recurrence_index_names, RECURRENCE_FIRST, &word))
			return false;
		r->index = (enum recurrence_index)word;
	}
	if (has & MEMBER_DAY_OF_MONTH && !read_number(o, "dayOfMonth", 31, &r->day_of_month))
		return false;
	return !(has & MEMBER_MONTH) || read_number(o, "month", 12, &r->month);
}

static bool
read_range(const json_t *o, struct recurrence *r)
{
	int word;

	if (!read_name(o, "type", recurrence_end_names, -1, &word) ||
	    local_date_parse(jx_get_str(o, "startDate"), &r->start_day) != ERR_OK)
		return false;
	r->end = (enum recurrence_end)word;
	switch (r->end) {
	case RECURRENCE_NO_END: return true;
	case RECURRENCE_NUMBERED: return read_number(o, "numberOfOccurrences", RECURRENCE_MAX, &r->count);
	case RECURRENCE_END_DATE: break;
	}
	return local_date_parse(jx_get_str(o, "endDate"), &r->end_day) == ERR_OK;
}

enum err
recurrence_from_json(const json_t *json, struct recurrence *ret, char ret_zone[TIME_ZONE_SIZE])
{
	const json_t *range = jx_get_object(json, "range");
	const char *zone = jx_get_str(range, "recurrenceTimeZone");

	memset(ret, 0, sizeof(*ret));
	if (ret_zone != NULL && !str_copy(ret_zone, TIME_ZONE_SIZE, zone != NULL ? zone : ""))
		ret_zone[0] = '\0';
	if (!read_pattern(jx_get_object(json, "pattern"), ret) || !read_range(range, ret))
		return ERR_UNEXPECTED;
	return ERR_OK;
}
