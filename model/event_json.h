/*
 * event_json.h - meetings as JSON: the app's PUT read strictly, fields written as the PUT names them, and the text that is stored.
 *
 * Source: contract sections 4, 6 and 9. Pure.
 */
#ifndef MODEL_EVENT_JSON_H
#define MODEL_EVENT_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "model/event_fields.h"
#include "model/ids.h"

/*
 * ERR_INVALID with every mistake in *ret_errors (given; may be NULL), each with its JSON pointer and what would be right; ERR_NOMEM.
 * Gives *ret. What the app leaves out: no body, no location, nobody invited, one time only, online, attendees shown.
 * Local times that the clocks jump over or that come twice are taken by the rule of model/time_zone.h.
 */
enum err event_fields_read(const json_t *root, struct event_fields **ret, json_t **ret_errors);
/* The same with the event's id in its member "event", as a snapshot has it. */
enum err event_item_read(const json_t *root, struct event_id *ret_id, struct event_fields **ret, json_t **ret_errors);

#define EVENT_MASK_RESPONSES (1u << EVENT_FIELD_COUNT) /* each of attendees with "response" and "responded_at" */
/*
 * Sets the members of the fields in mask: TIME is start, end, time_zone and all_day; RECURRENCE null for a single meeting; EXCEPTIONS
 * is "occurrences": [{"original_start", "cancelled", "start", "end", "subject", "location"}], instants in UTC. 0, or -1 when out of memory.
 */
int event_fields_write(const struct event_fields *f, unsigned mask, json_t *o);

/* All of it as one text, and back. to: gives, NULL when out of memory. from: ERR_CORRUPT, ERR_NOMEM; gives *ret. */
char *event_fields_to_text(const struct event_fields *f, size_t *ret_len);
enum err event_fields_from_text(const char *text, size_t len, struct event_fields **ret);

#endif
