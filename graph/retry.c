/*
 * retry.c - the judge of tries, and the retry budget.
 *
 * A write that is not idempotent is repeated only after answers that say it was not done; after anything else its outcome is
 * unknown, and only a read can tell.
 */
#include "graph/retry.h"

#include <stddef.h>

bool
graph_status_is_refusal(int status)
{
	return status == 429 || status == 509;
}

static bool
status_passes(int status)
{
	static const int passing[] = { 408, 423, 429, 500, 502, 503, 504, 509 };

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (passing[i] == status)
			return true;
	return false;
}

static bool
came_through(const struct graph_try *t)
{
	return t->transport == ERR_OK && t->status != 0;
}

static bool
succeeded(const struct graph_try *t)
{
	return came_through(t) && t->status >= 200 && t->status < 300 && t->readable;
}

/* Could another try of the same end differently? */
static bool
may_pass(const struct graph_try *t)
{
	if (!came_through(t))
		return t->transport == ERR_OK || err_may_pass(t->transport);
	if (t->status >= 200 && t->status < 300)
		return true; /* cut on its way */
	return status_passes(t->status);
}

/* No answer, a failure behind the gateway, or success with an unreadable body. */
bool
graph_try_is_doubtful(const struct graph_try *t)
{
	if (came_through(t) && graph_status_is_refusal(t->status))
		return false;
	return !came_through(t) || t->status >= 500 || t->status == 408 || (t->status >= 200 && t->status < 300);
}

/* Full jitter over a doubling span. */
static int64_t
backoff_ms(unsigned tries, uint32_t jitter)
{
	int64_t span = GRAPH_BACKOFF_MIN_MS;

	for (unsigned i = 1; i < tries && span < GRAPH_BACKOFF_MAX_MS; i++)
		span *= 2;
	if (span > GRAPH_BACKOFF_MAX_MS)
		span = GRAPH_BACKOFF_MAX_MS;
	return span / 2 + span * (int64_t)(jitter % 1000) / 2000;
}

struct graph_verdict
graph_retry_judge(const struct graph_try *t, uint32_t jitter)
{
	struct graph_verdict v = { GRAPH_DONE, 0 };

	if (succeeded(t))
		return v;
	if (!t->idempotent && graph_try_is_doubtful(t))
		return (struct graph_verdict){ GRAPH_UNKNOWN, 0 };
	v.act = GRAPH_GIVE_UP;
	if (!may_pass(t) || t->tries >= GRAPH_TRIES_MAX)
		return v;
	v.wait_ms = backoff_ms(t->tries, jitter);
	if (t->retry_after_ms >= 0)
		v.wait_ms = t->retry_after_ms;
	if (v.wait_ms + GRAPH_TRY_MIN_MS <= t->left_ms)
		v.act = GRAPH_AGAIN;
	return v;
}

bool
graph_try_failed(const struct graph_try *t)
{
	if (!came_through(t))
		return true;
	return t->status >= 500 && t->status != 501 && !graph_status_is_refusal(t->status);
}

void
graph_budget_init(struct graph_budget *b, int64_t now_ms)
{
	b->milli = GRAPH_BUDGET_MAX_MILLI / 2;
	b->last_ms = now_ms;
}

static void
budget_add(struct graph_budget *b, int64_t milli)
{
	b->milli = milli > GRAPH_BUDGET_MAX_MILLI - b->milli ? GRAPH_BUDGET_MAX_MILLI : b->milli + milli;
}

void
graph_budget_request(struct graph_budget *b)
{
	budget_add(b, 100);
}

bool
graph_budget_retry(struct graph_budget *b, int64_t now_ms)
{
	if (now_ms > b->last_ms)
		budget_add(b, now_ms - b->last_ms); /* one a second: a thousandth a millisecond */
	b->last_ms = now_ms;
	if (b->milli < 1000)
		return false;
	b->milli -= 1000;
	return true;
}
