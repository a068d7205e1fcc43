/*
 * recurrence_json.h - Graph's patternedRecurrence: {"pattern": recurrencePattern, "range": recurrenceRange}. graph-facts section 9.1. Pure.
 */
#ifndef MODEL_RECURRENCE_JSON_H
#define MODEL_RECURRENCE_JSON_H

#include <jansson.h>

#include "base/err.h"
#include "model/recurrence.h"
#include "model/time_zone.h"

/* zone may be NULL. Gives; NULL: out of memory. */
json_t *recurrence_to_json(const struct recurrence *r, const char *zone);
/* Members that the type has no use for are filled with anything by Graph, and ignored. ERR_UNEXPECTED: not as Graph has it. ret_zone:
 * recurrenceTimeZone as it stands there ("" when absent); may be NULL. */
enum err recurrence_from_json(const json_t *json, struct recurrence *ret, char ret_zone[TIME_ZONE_SIZE]);

#endif
