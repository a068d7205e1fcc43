/*
 * posix_zone.h - rules such as "CET-1CEST,M3.5.0,M10.5.0/3": how a zone goes on after the last change its file lists.
 *
 * The format of POSIX's TZ variable with the extensions of RFC 8536 section 3.3.1 (hours from -167 to 167). Pure.
 */
#ifndef MODEL_POSIX_ZONE_H
#define MODEL_POSIX_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum posix_day_kind { POSIX_DAY_MONTH_WEEK, POSIX_DAY_JULIAN, POSIX_DAY_OF_YEAR }; /* Mm.w.d, Jn (no 29 February), n (from 0) */

struct posix_change {
	enum posix_day_kind kind;
	int month, week, day; /* day alone for the other kinds */
	int32_t time_s;       /* after midnight, on the clock as it was before the change */
};

struct posix_zone {
	int32_t standard_s, daylight_s; /* east of UTC */
	bool has_daylight;
	struct posix_change to_daylight, to_standard;
};

/* False: not such a rule. Names are skipped. */
bool posix_zone_parse(const char *s, size_t len, struct posix_zone *ret);
int32_t posix_zone_offset(const struct posix_zone *z, int64_t unix_s);

#endif
