/*
 * snapshot.h - the app's own word on one ERG, whole: GET {snapshot_url}?erg={erg}, one JSON object a line. contract.md section 6.
 *
 * Nothing of a snapshot counts before its last line, {"end": true, "members": N, "events": M}, has come with the right counts. So it is
 * read twice: as it comes, to see whether it is one, while the caller lays its bytes aside; and then from there, line by line, to take
 * it in. In memory is one line at a time. A member that a PUT would refuse spoils the snapshot; such an event is left out alone: the app
 * has been told so by the 422 to its PUT. Event-loop thread only.
 */
#ifndef APP_SNAPSHOT_H
#define APP_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "app/api.h"
#include "base/err.h"
#include "base/text.h"
#include "net/http_client.h"

#define SNAPSHOT_LINE_MAX   (2u << 20) /* an event with its whole body, every character of it escaped */
#define SNAPSHOT_SIZE_MAX   (256u << 20)
#define SNAPSHOT_TIMEOUT_MS (10 * 60 * 1000)

/* ---------- reading, pure ---------- */

/* What a reader tells of each line. False: the reader stops there, with ERR_CONFLICT and no detail. */
struct snapshot_sink {
	bool (*member)(void *arg, const struct app_member_put *put);
	/* fields: borrowed; NULL for one that a PUT would refuse. */
	bool (*event)(void *arg, const struct event_id *id, const struct event_fields *fields);
	void *arg;
};

struct snapshot_reader {
	const struct snapshot_sink *sink; /* borrowed; NULL: only looks whether it is a snapshot */
	struct text line;                 /* not yet complete */
	uint64_t size;
	int64_t line_number, members, events;
	bool ended;
	enum err err; /* sticks */
	char detail[DETAIL_SIZE];
};
void snapshot_reader_init(struct snapshot_reader *r, const struct snapshot_sink *sink);
void snapshot_reader_done(struct snapshot_reader *r); /* frees */
/* False once it is not a snapshot: err and detail say why. */
bool snapshot_reader_feed(struct snapshot_reader *r, const char *data, size_t len);
/* All has come. ERR_OK: complete, and the counts are right; ERR_MALFORMED otherwise. */
enum err snapshot_reader_finish(struct snapshot_reader *r);

/* ---------- fetching ---------- */

struct snapshot;
struct snapshot_end {
	enum err err;       /* ERR_OK: trusted */
	const char *detail; /* why not, for people; borrowed until done returns */
};
/* keep is given what comes, piece by piece, and lays it aside; false: it cannot, the snapshot is discarded. done runs once, in a later
 * turn. NULL: out of memory. */
struct snapshot *snapshot_start(struct http_transport *transport, const char *url, const struct erg_id *erg,
    bool (*keep)(void *arg, const char *data, size_t len), void (*done)(void *arg, const struct snapshot_end *end), void *arg);
/* done will not run. NULL is fine. */
void snapshot_cancel(struct snapshot *s);

#endif
