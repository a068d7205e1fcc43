/* The listener's part, in process: its scanner, its clientState check, its inbox. What it fails at, Graph sends again. */
#include "property/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "listener/envelope.h"
#include "listener/notification.h"
#include "sim/sim.h"
#include "state/inbox.h"

#define BATCH_MAX 64 /* hints of one body; the simulator's are of 20 items */

struct batch {
	struct world *w;
	struct hint *hints;
	size_t count;
};

void
intake_open(struct world *w)
{
	char path[PATH_MAX + 8], why[256] = "";

	snprintf(path, sizeof(path), "%s/inbox", w->directory);
	if (inbox_open(path, INBOX_WRITER, (uint64_t)w->config.map_size_bytes / 4, &w->intake_key, &w->inbox, why, sizeof(why)) !=
	    ERR_OK)
		fail(w, "the inbox does not open: %s", why);
}

void
intake_close(struct world *w)
{
	inbox_close(w->inbox);
	w->inbox = NULL;
}

void
intake_consumed(void *arg, const uint8_t *epoch, uint64_t consumed)
{
	struct world *w = arg;
	uint8_t present[INBOX_EPOCH_LEN];

	if (w->inbox == NULL || w->listener_down || chance(w, 5))
		return; /* a datagram may get lost */
	if (inbox_epoch(w->inbox, present) != ERR_OK || memcmp(epoch, present, sizeof(present)) != 0)
		fail(w, "consumed of another epoch");
	else if (inbox_trim(w->inbox, consumed) != ERR_OK)
		fail(w, "the inbox can't be trimmed");
}

static void
take(void *arg, const struct envelope_item *item)
{
	struct batch *b = arg;

	if (b->count < BATCH_MAX && notification_hint(b->w->known, item, clock_wall_ms(b->w->clock), &b->hints[b->count]))
		b->count++;
}

/* False: answer 503. */
static bool
store(struct world *w, const struct sim_delivery *d)
{
	struct batch b = { .w = w, .hints = calloc(BATCH_MAX, sizeof(*b.hints)) };
	struct envelope_result result;
	char *body = malloc(d->body_len + 1);
	enum err e = ERR_NOMEM;

	if (b.hints != NULL && body != NULL) {
		memcpy(body, d->body, d->body_len);
		body[d->body_len] = '\0';
		if (envelope_scan(w->envelope, body, d->body_len, take, &b, &result) != ERR_OK)
			fail(w, "the listener's scanner refuses Graph's body: %s", result.why);
		e = b.count > 0 ? inbox_append(w->inbox, b.hints, b.count) : ERR_OK;
	}
	free(body);
	free(b.hints);
	return e == ERR_OK;
}

static void
validate(struct world *w, struct sim *sim, const struct sim_delivery *d, const char *token)
{
	char plain[4096];
	size_t len;

	if (percent_decode(token, strlen(token), 1, plain, &len) != ERR_OK)
		fail(w, "the validation token does not decode");
	else
		sim_delivered(sim, d->id, 200, "text/plain", plain, len);
}

void
intake_deliver(void *arg, struct sim *sim, const struct sim_delivery *d)
{
	struct world *w = arg;
	const char *token = strstr(d->url, "validationToken=");

	if (w->listener_down || w->inbox == NULL || w->failed)
		return; /* no answer: Graph's time limit ends it */
	if (token != NULL) {
		validate(w, sim, d, token + strlen("validationToken="));
		return;
	}
	if (chance(w, w->listener_percent_503) || !store(w, d)) {
		sim_delivered(sim, d->id, 503, NULL, NULL, 0);
		return;
	}
	if (!chance(w, w->listener_percent_lost))
		sim_delivered(sim, d->id, 202, NULL, NULL, 0);
	if (w->r != NULL && !chance(w, 5))
		reconciler_wake(w->r);
}
