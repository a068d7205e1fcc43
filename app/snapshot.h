/*
 * snapshot.h - the app's own word on one ERG, whole: GET {snapshot_url}?erg={erg}, one JSON object a line. contract.md section 6.
 *
 * Nothing of a snapshot counts before its last line, {"end": true, "members": N, "events": M}, has come with the right counts. What
 * comes is read as it comes; kept are the lines that name members and events, for one ERG at a time. A member that a PUT would refuse
 * spoils the snapshot; such an event is left out alone: the app has been told so by the 422 to its PUT. Event-loop thread only.
 */
#ifndef APP_SNAPSHOT_H
#define APP_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "app/api.h"
#include "base/err.h"
#include "base/text.h"
#include "net/http_client.h"

#define SNAPSHOT_LINE_MAX   (2u << 20)  /* an event with its whole body, every character of it escaped */
#define SNAPSHOT_KEEP_MAX   (64u << 20) /* of members, and of events */
#define SNAPSHOT_TIMEOUT_MS (10 * 60 * 1000)

/* ---------- reading, pure ---------- */

struct snapshot_reader {
	struct text line; /* not yet complete */
	struct text kept; /* lines that name members, each with its end of line */
	struct text kept_events;
	int64_t line_number, members, events;
	bool ended;
	enum err err; /* sticks */
	char detail[DETAIL_SIZE];
};
void snapshot_reader_init(struct snapshot_reader *r);
void snapshot_reader_done(struct snapshot_reader *r); /* frees */
/* False once it is not a snapshot: err and detail say why. */
bool snapshot_reader_feed(struct snapshot_reader *r, const char *data, size_t len);
/* All has come. ERR_OK: complete, and the counts are right; ERR_MALFORMED otherwise. */
enum err snapshot_reader_finish(struct snapshot_reader *r);
/* The next member of kept, from *at (0 at first) on. False: that was the last. */
bool snapshot_reader_next(const struct snapshot_reader *r, size_t *at, struct app_member_put *ret);
/* The same for events. *ret is NULL for one that a PUT would refuse; else given. */
bool snapshot_reader_next_event(const struct snapshot_reader *r, size_t *at, struct event_id *ret_id, struct event_fields **ret);

/* ---------- fetching ---------- */

struct snapshot;
struct snapshot_end {
	enum err err;                         /* ERR_OK: trusted */
	const struct snapshot_reader *reader; /* borrowed until done returns */
	const char *detail;                   /* why not, for people */
};
/* done runs once, in a later turn. NULL: out of memory. */
struct snapshot *snapshot_start(struct http_transport *transport, const char *url, const struct erg_id *erg,
    void (*done)(void *arg, const struct snapshot_end *end), void *arg);
/* done will not run. NULL is fine. */
void snapshot_cancel(struct snapshot *s);

#endif
