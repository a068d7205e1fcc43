/* meeting_diff.c - first whether there is to be a meeting at all, then field by field. */
#include "reconciler/meeting_diff.h"

#include <stddef.h>

/* Outlook alone has them: the app is told, and nothing of them is ever written. */
#define OUTLOOK_ONLY EVENT_MASK(EXCEPTIONS)
/* Whether there is a meeting at all is decided before the fields. */
#define FIELDS (EVENT_MASK_ALL & ~EVENT_MASK(CANCELLED))

const char *
meeting_action_text(enum meeting_action a)
{
#define X(name, text) text,
	static const char *const texts[] = { MEETING_TABLE(X) };
#undef X

	return (size_t)a < MEETING_ACTION_COUNT ? texts[a] : "";
}

/* The time and the rule of a series mean something together only: half of one side's and half of the other's would be a series nobody
 * asked for. */
static unsigned
with_series(unsigned fields)
{
	return fields & EVENT_MASK_SERIES ? fields | EVENT_MASK_SERIES : fields;
}

/* What both sides have changed, and differently. */
static unsigned
conflicts(unsigned app, unsigned outlook, unsigned equal)
{
	unsigned here = app & ~equal, there = outlook & ~equal;

	return with_series(here) & with_series(there) & (here | there);
}

static struct meeting_step
by_field(const struct meeting_input *in)
{
	unsigned open = FIELDS & ~with_series(in->frozen);
	unsigned app = in->app_changed & open & ~OUTLOOK_ONLY, outlook = in->outlook_changed & open;
	unsigned both = conflicts(app, outlook, in->equal);
	struct meeting_step s = { .agree = (app | outlook) & in->equal & ~OUTLOOK_ONLY };

	s.patch = app & ~both & ~in->equal;
	s.tell = outlook & ~app & ~both & (~in->equal | OUTLOOK_ONLY);
	if (in->policy == MEETINGS_APP) {
		s.patch |= both | (s.tell & ~OUTLOOK_ONLY);
		s.tell &= OUTLOOK_ONLY;
	} else {
		*(in->outlook_wins ? &s.tell : &s.patch) |= both;
	}
	s.action = s.patch != 0 ? MEETING_UPDATE : MEETING_NOTHING;
	return s;
}

static struct meeting_step
live(const struct meeting_input *in)
{
	if (!in->wanted)
		return (struct meeting_step){ .action = MEETING_CANCEL };
	if (in->far || in->frozen_end)
		return (struct meeting_step){ 0 };
	return by_field(in);
}

static struct meeting_step
ended(const struct meeting_input *in)
{
	if (!in->wanted || in->far || in->frozen_end)
		return (struct meeting_step){ 0 };
	if (in->policy == MEETINGS_APP)
		return (struct meeting_step){ .action = MEETING_CREATE, .anew = true };
	return (struct meeting_step){ .tell_cancelled = true };
}

struct meeting_step
meeting_diff(const struct meeting_input *in)
{
	if (in->policy == MEETINGS_OFF || in->over)
		return (struct meeting_step){ 0 };
	switch (in->there) {
	case MEETING_MAYBE: return (struct meeting_step){ .action = MEETING_LOOK };
	case MEETING_LIVE: return live(in);
	case MEETING_ENDED: return ended(in);
	case MEETING_NONE: break;
	}
	return (struct meeting_step){ .action = in->wanted && !in->far ? MEETING_CREATE : MEETING_NOTHING };
}
