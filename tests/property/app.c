/* The main app: checks each callback by its own reading of Standard Webhooks, keeps who is a member, answers by mood. */
#include "property/world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/text.h"
#include "net/http_server.h"

static const char *const mood_names[MOOD_COUNT] = { [MOOD_WELL] = "well",
	[MOOD_ERROR] = "answering 500",
	[MOOD_SILENT] = "silent",
	[MOOD_ABORT] = "closing connections",
	[MOOD_BUSY] = "answering 429",
	[MOOD_FORGETFUL] = "well, but its answers get lost",
	[MOOD_REFUSING] = "refusing some" };

const char *
mood_name(enum mood m)
{
	return mood_names[m];
}

/* ---------- the signature ---------- */

static bool
signature_right(struct world *w, const char *id, const char *time, const char *signature, const char *body, size_t len)
{
	const struct span parts[] = { { id, strlen(id) }, { ".", 1 }, { time, strlen(time) }, { ".", 1 }, { body, len } };
	const char *coded = &CALLBACK_SECRET[strlen("whsec_")];
	uint8_t secret[64], mac[HASH_LEN];
	char expected[3 + 64] = "v1,";
	uint64_t at_s = 0;
	size_t secret_len;

	if (base64_decode(coded, strlen(coded), secret, &secret_len) != ERR_OK || parse_u64(time, &at_s) != ERR_OK)
		return false;
	hmac_sha256(secret, secret_len, parts, sizeof(parts) / sizeof(parts[0]), mac);
	base64_encode(mac, sizeof(mac), expected + 3);
	return strcmp(expected, signature) == 0 && llabs((long long)at_s - clock_wall_ms(w->clock) / 1000) <= 1;
}

/* ---------- what it is told ---------- */

/* The app takes the change in, once. */
static void
apply(struct world *w, struct entry *e)
{
	struct told *t = &w->groups[e->group].app[e->person];

	if (e->answered || e->what == 0 || e->link != w->groups[e->group].link)
		return;
	/* What was queued behind something the app refused may be about what it does not have. */
	if (!w->both && e->what == 'a' && t->present && !t->refused)
		fail(w, "the app is told to add person %u to %s, who is there", e->person, w->groups[e->group].id.s);
	if (!w->both && e->what != 'a' && !t->present && !t->refused)
		fail(w, "the app is told to %s person %u of %s, who is not there", e->what == 'r' ? "remove" : "update",
		    e->person, w->groups[e->group].id.s);
	t->present = e->what != 'r';
	if (!t->present)
		w->groups[e->group].listed_ms[e->person] = 0;
	t->role = e->role;
}

static struct entry *
by_seq(struct world *w, uint64_t seq)
{
	for (size_t i = w->entry_count; i-- > 0;)
		if (w->entries[i].seq == seq)
			return &w->entries[i];
	return NULL;
}

/* The entry of the feed a callback carries; NULL after failing. */
static struct entry *
check_callback(struct world *w, struct http_exchange *x)
{
	const char *id = http_exchange_header(x, "webhook-id"), *time = http_exchange_header(x, "webhook-timestamp");
	const char *signature = http_exchange_header(x, "webhook-signature");
	uint8_t digest[HASH_LEN];
	struct span part;
	struct entry *e, *before;

	part.data = http_exchange_body(x, &part.len);
	if (id == NULL || time == NULL || signature == NULL || !signature_right(w, id, time, signature, part.data, part.len)) {
		fail(w, "a callback's signature is wrong");
		return NULL;
	}
	judge_feed(w);
	if ((e = entry_find(w, id)) == NULL) {
		fail(w, "callback %s is not in the change feed", id);
		return NULL;
	}
	sha256(&part, 1, digest);
	if (memcmp(digest, e->digest, sizeof(digest)) != 0)
		fail(w, "callback %s differs from the change feed", id);
	before = e->before != 0 ? by_seq(w, e->before) : NULL;
	if (before != NULL && !before->answered)
		fail(w, "callback %" PRIu64 " of person %u overtakes %" PRIu64, e->seq, e->person, e->before);
	return e;
}

/* ---------- its answers ---------- */

static void
answer_well(struct world *w, struct http_exchange *x, struct entry *e)
{
	char body[64];

	apply(w, e);
	e->answered = true;
	if (!w->names_people || e->what != 'a' || e->person % 2 == 0) {
		http_reply(x, chance(w, 50) ? 200 : 204, NULL, NULL, 0, NULL);
		return;
	}
	snprintf(body, sizeof(body), "{\"user\":\"p%u-%u\"}", w->places[w->groups[e->group].place].tenant, e->person);
	http_reply(x, 200, "application/json", body, strlen(body), NULL);
}

static void
answer_refusal(struct world *w, struct http_exchange *x, struct entry *e)
{
	static const int statuses[] = { 400, 404, 409, 410, 422 };

	w->ever_refused = true;
	e->answered = e->refused = true;
	if (e->what != 0)
		w->groups[e->group].app[e->person].refused = true;
	note(w, "the app refuses %" PRIu64, e->seq);
	http_reply(x, statuses[rng_below(&w->rng, 5)], NULL, NULL, 0, NULL);
}

static void
leave_waiting(struct world *w, struct http_exchange *x)
{
	if (w->silent_count < sizeof(w->silent) / sizeof(w->silent[0]))
		w->silent[w->silent_count++] = x;
	else
		http_reply_abort(x);
}

void
app_let_go(struct world *w)
{
	while (w->silent_count > 0)
		http_reply_abort(w->silent[--w->silent_count]);
}

void
app_handle(void *arg, struct http_exchange *x)
{
	static const char *const retry_after[] = { "Retry-After: 7", NULL };
	struct world *w = arg;
	struct entry *e;

	w->callbacks++;
	if (w->failed || (e = check_callback(w, x)) == NULL) {
		http_reply_abort(x);
		return;
	}
	e->deliveries++;
	switch (w->mood) {
	case MOOD_ERROR: http_reply(x, chance(w, 50) ? 500 : 503, NULL, NULL, 0, NULL); return;
	case MOOD_SILENT: leave_waiting(w, x); return;
	case MOOD_ABORT: http_reply_abort(x); return;
	case MOOD_BUSY: http_reply(x, 429, NULL, NULL, 0, retry_after); return;
	case MOOD_FORGETFUL:
		if (e->refused || !chance(w, 50))
			break;
		apply(w, e);
		e->answered = true;
		http_reply_abort(x);
		return;
	default: break;
	}
	if (e->refused || (w->mood == MOOD_REFUSING && !e->answered && chance(w, 40)))
		answer_refusal(w, x, e);
	else
		answer_well(w, x, e);
}
