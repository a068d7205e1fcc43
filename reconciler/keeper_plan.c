/* keeper_plan.c - the life of one subscription as a function of its row and the time. */
#include "reconciler/keeper_plan.h"

#include "reconciler/keeper_wide_plan.h"

static int64_t
min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Between 3/4 of renew_every and all of it, and while a third of the lifetime is still left. */
static int64_t
renewal_due(const struct subscription *s, int64_t renew_every_ms, uint8_t spread)
{
	int64_t by_clock = s->renewed_wall_ms + renew_every_ms - renew_every_ms / 4 * spread / 255;
	int64_t by_expiry = s->expires_wall_ms - (s->expires_wall_ms - s->renewed_wall_ms) / 3;

	return min64(by_clock, by_expiry);
}

/* A wall clock that was set back leaves instants in the future that mean nothing: none is more than a back-off ahead. */
static int64_t
retry_due(const struct subscription *s, int64_t now)
{
	/* After a refusal it is days. */
	int64_t longest =
	    s->state == SUBSCRIPTION_REFUSED && s->id[0] == '\0' ? 2 * WIDE_RETRY_MAX_MS : 2 * KEEPER_BACKOFF_MAX_MS;

	return s->retry_wall_ms > now + longest ? now : s->retry_wall_ms;
}

static struct keeper_next
at(enum keeper_step step, int64_t due, int64_t now)
{
	if (due > now)
		return (struct keeper_next){ KEEPER_REST, due };
	return (struct keeper_next){ step, now };
}

struct keeper_next
keeper_next_step(const struct subscription *s, int64_t now_wall_ms, int64_t renew_every_ms, uint8_t spread)
{
	int64_t retry = retry_due(s, now_wall_ms);
	bool set_back = s->renewed_wall_ms > now_wall_ms + KEEPER_PATCH_SPACING_MS;

	if (s->state == SUBSCRIPTION_LEAVING)
		return s->id[0] == '\0' ? (struct keeper_next){ KEEPER_FORGET, now_wall_ms }
		                        : at(KEEPER_DELETE, retry, now_wall_ms);
	if (s->state == SUBSCRIPTION_COVERED && s->id[0] == '\0')
		return (struct keeper_next){ KEEPER_REST, now_wall_ms + KEEPER_COVERED_MS };
	if ((s->state == SUBSCRIPTION_COVERED || s->state == SUBSCRIPTION_REFUSED) && s->id[0] != '\0')
		return at(KEEPER_DELETE, retry, now_wall_ms);
	if (s->id[0] == '\0' || s->expires_wall_ms <= now_wall_ms)
		return at(KEEPER_CREATE, retry, now_wall_ms);
	if (set_back)
		return at(KEEPER_RENEW, retry, now_wall_ms);
	return at(KEEPER_RENEW, max64(renewal_due(s, renew_every_ms, spread), retry), now_wall_ms);
}

void
keeper_hasten(const struct subscription *s, int64_t now_wall_ms, struct keeper_next *next)
{
	if (next->step == KEEPER_REST && s->id[0] != '\0' &&
	    (s->state == SUBSCRIPTION_ACTIVE || s->state == SUBSCRIPTION_FAILING) &&
	    (s->renewed_wall_ms > now_wall_ms || now_wall_ms - s->renewed_wall_ms >= KEEPER_PATCH_SPACING_MS))
		*next = (struct keeper_next){ KEEPER_RENEW, now_wall_ms };
}

int64_t
keeper_backoff_ms(int64_t failures, enum err why, uint8_t jitter)
{
	int64_t wait = KEEPER_BACKOFF_MIN_MS;

	/* A quota or a missing permission is mended by people, not by the second try. */
	if (why == ERR_FULL || why == ERR_FORBIDDEN)
		wait = KEEPER_BACKOFF_MAX_MS / 4;
	for (int64_t i = 1; i < failures && wait < KEEPER_BACKOFF_MAX_MS; i++)
		wait *= 2;
	wait = min64(wait, KEEPER_BACKOFF_MAX_MS);
	return wait - wait / 4 * jitter / 255;
}

bool
keeper_was_gap(const struct subscription *s, int64_t now_wall_ms)
{
	return now_wall_ms - s->renewed_wall_ms > KEEPER_AUTHORISATION_MS || s->expires_wall_ms <= now_wall_ms;
}
