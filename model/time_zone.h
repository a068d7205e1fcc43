/*
 * time_zone.h - what a wall clock shows where: IANA zones from the system's zone data, and Outlook's own names for them.
 *
 * Rules for local times a change of the clocks makes doubtful, the same as RFC 5545 section 3.3.5 has them:
 *	- a time the clocks jump over (02:30 when they go from 02:00 to 03:00) counts with the offset before the jump: 03:30;
 *	- a time that comes twice is the first of the two.
 * Zones are read once and kept for the life of the process. One thread at a time.
 */
#ifndef MODEL_TIME_ZONE_H
#define MODEL_TIME_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/local_time.h"

#define TIME_ZONE_SIZE 64

/* An IANA name the system has data for, exactly spelt ("Europe/Warsaw", "UTC"). */
bool time_zone_known(const char *iana);
/*
 * The IANA name for a name Graph may answer with: IANA's own, Windows' ("Central European Standard Time"), or
 * "tzone://Microsoft/Utc". NULL: none (also for "tzone://Microsoft/Custom" and "Customized Time Zone", which name nothing). Static.
 */
const char *time_zone_resolve(const char *name);

enum time_zone_fit { TIME_ZONE_ONCE, TIME_ZONE_SKIPPED, TIME_ZONE_TWICE };

/* ERR_NOTFOUND: no such zone. ret_fit may be NULL. */
enum err time_zone_to_utc(const char *iana, struct local_time local, int64_t *ret_unix_ms, enum time_zone_fit *ret_fit);
enum err time_zone_to_local(const char *iana, int64_t unix_ms, struct local_time *ret);
/* Do clocks in both show the same from from_ms on, for two years? Outlook calls Rome's time Berlin's. */
bool time_zone_same(const char *a, const char *b, int64_t from_ms);

#endif
