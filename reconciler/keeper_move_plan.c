/* keeper_move_plan.c - a subscription's way from one public_url to the next, as a function of its row and the time. */
#include "reconciler/keeper_move_plan.h"

#include <string.h>

#include "base/hash.h"
#include "reconciler/keeper_plan.h"

static int64_t
mark_of_text(const char *text, size_t len)
{
	const struct span part = { text, len };
	uint8_t hash[HASH_LEN];
	int64_t mark = 0;

	sha256(&part, 1, hash);
	for (size_t i = 0; i < 8; i++)
		mark = (int64_t)((uint64_t)mark << 8 | hash[i]);
	mark &= INT64_MAX;
	return mark != 0 ? mark : 1;
}

int64_t
move_mark(const char *public_url)
{
	return mark_of_text(public_url, strlen(public_url));
}

int64_t
move_mark_of(const char *url, const char *path)
{
	size_t len = strlen(url), tail = strlen(path);

	if (len == 0)
		return 0;
	return mark_of_text(url, len > tail && strcmp(url + len - tail, path) == 0 ? len - tail : len);
}

static bool
is_elsewhere(int64_t told, int64_t mark)
{
	return told != 0 && told != mark;
}

struct move_next
move_next_step(const struct subscription *s, int64_t mark, int64_t now_wall_ms, int64_t renew_every_ms, uint8_t spread)
{
	int64_t rest_ms = renew_every_ms < KEEPER_PATCH_SPACING_MS ? renew_every_ms : KEEPER_PATCH_SPACING_MS;
	bool standing = s->state == SUBSCRIPTION_ACTIVE || s->state == SUBSCRIPTION_FAILING;
	int64_t since = s->moved_wall_ms <= now_wall_ms ? s->moved_wall_ms : 0; /* a clock was set back */

	if (!standing || s->id[0] == '\0' || move_address(s, mark) == SUBSCRIPTION_AT_CURRENT)
		return (struct move_next){ MOVE_STAY, 0 };
	if (is_elsewhere(s->address, mark) && !s->pinned)
		return (struct move_next){ MOVE_PATCH,
			s->renewed_wall_ms > now_wall_ms ? now_wall_ms : s->renewed_wall_ms + rest_ms };
	if (s->state != SUBSCRIPTION_ACTIVE)
		return (struct move_next){ MOVE_STAY, 0 };
	return (struct move_next){ MOVE_REPLACE, since + rest_ms + renew_every_ms * spread / 255 };
}

enum subscription_address
move_address(const struct subscription *s, int64_t mark)
{
	if (s->id[0] == '\0')
		return SUBSCRIPTION_AT_CURRENT;
	if (is_elsewhere(s->address, mark))
		return SUBSCRIPTION_AT_FORMER;
	return is_elsewhere(s->lifecycle_address, mark) ? SUBSCRIPTION_AT_BOTH : SUBSCRIPTION_AT_CURRENT;
}
