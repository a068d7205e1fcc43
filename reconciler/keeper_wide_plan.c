/* keeper_wide_plan.c - the rules of the tenant-wide subscription, as functions of its row, of answers and of what was heard. */
#include "reconciler/keeper_wide_plan.h"

#include <string.h>

#include "base/config.h"

enum wide_stand
wide_stand(const struct subscription *wide, int64_t now_wall_ms, int64_t coming_ms)
{
	if (wide == NULL || wide->state == SUBSCRIPTION_LEAVING || wide->state == SUBSCRIPTION_REFUSED)
		return WIDE_NONE;
	if (wide->id[0] != '\0' && wide->expires_wall_ms > now_wall_ms)
		return wide->heard_wall_ms != 0 ? WIDE_COVERS : WIDE_SILENT;
	return coming_ms < WIDE_PATIENCE_MS ? WIDE_COMING : WIDE_NONE;
}

bool
wide_is_wanted(const struct wide_need *need, int64_t from)
{
	int64_t teams = (int64_t)need->teams;

	if (from > 0)
		return teams >= (need->there ? from - from / 4 : from);
	return from == CONFIG_WIDE_QUOTA && need->there && need->room > 0 && need->lacking > 0 &&
	       teams > need->room - need->room / 4;
}

/* What it becomes; the state it has when nothing is to change. */
static enum subscription_state
team_state(const struct subscription *team, enum wide_stand stand)
{
	bool own = team->id[0] != '\0', covered = team->state == SUBSCRIPTION_COVERED;

	if (stand == WIDE_COVERS || (stand == WIDE_SILENT && !own && (covered || team->no_room)))
		return SUBSCRIPTION_COVERED;
	if (!covered || (stand == WIDE_COMING && !own))
		return team->state;
	return own ? SUBSCRIPTION_ACTIVE : SUBSCRIPTION_WANTED;
}

bool
wide_settle_team(struct subscription *team, enum wide_stand stand)
{
	enum subscription_state state = team_state(team, stand);

	if (team->state == SUBSCRIPTION_LEAVING || team->state == state)
		return false;
	team->state = state;
	team->retry_wall_ms = 0;
	team->failures = 0;
	team->detail[0] = '\0';
	return true;
}

bool
wide_keeps_covered(enum wide_stand stand)
{
	return stand != WIDE_NONE;
}

/* Passing by nature: signing in, throttling, timing, a conflict that is settled otherwise. */
static bool
is_passing(int status)
{
	return status < 400 || status == 401 || status == 408 || status == 409 || status == 423 || status == 425 || status == 429;
}

bool
wide_is_refusal(int status, enum err e, const char *code, int64_t failures)
{
	if (e == ERR_FULL && status != 0)
		return true; /* a quota */
	/* Our own URL did not answer, which has nothing to do with the resource (graph-facts 2.4). */
	if (is_passing(status) || strcmp(code, "ValidationError") == 0)
		return false;
	if (status == 400 || (status >= 500 && status != 501))
		return failures >= WIDE_TRIES;
	return true;
}

int64_t
wide_retry_ms(int64_t refusals, uint8_t jitter)
{
	int64_t wait = WIDE_RETRY_MIN_MS;

	for (int64_t i = 1; i < refusals && wait < WIDE_RETRY_MAX_MS; i++)
		wait *= 2;
	return wait + wait / 8 * jitter / 255; /* never sooner: many tenants do not ask at once */
}

void
wide_hear(struct wide_hearing *h)
{
	h->heard++;
	h->heard_since++;
}

bool
wide_miss(struct wide_hearing *h, int64_t now_boot_ms, uint64_t read, bool alone)
{
	if (h->first_boot_ms == 0 || now_boot_ms - h->first_boot_ms > WIDE_WINDOW_MS) {
		h->first_boot_ms = now_boot_ms;
		h->first_read = read;
		h->missed = 0;
		h->heard_since = 0;
	}
	h->missed++;
	return h->missed >= WIDE_DEAF_MISSED && h->missed > 2 * h->heard_since &&
	       now_boot_ms - h->first_boot_ms >= WIDE_DEAF_MS && (alone || read != h->first_read);
}

bool
wide_misread(struct wide_hearing *h)
{
	h->unreadable++;
	return h->unreadable >= WIDE_DEAF_MISSED && h->unreadable > h->heard;
}
