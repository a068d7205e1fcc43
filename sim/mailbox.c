/* Who may into which mailbox, and how many at a time. */
#include "sim/mailbox.h"

#include <string.h>
#include <strings.h>

#include "sim/call.h"

#define CONCURRENT_MAX 4 /* facts 11 */

struct mailbox *
user_mailbox(struct sim *sim, struct user *u)
{
	return sim_mailbox(&sim->mailboxes, u, &sim->rng);
}

struct user *
call_mailbox_user(const struct call *c)
{
	struct user *u = c->argument[0] == NULL ? NULL : world_user(&c->sim->world, c->tenant, c->argument[0]);

	return u != NULL && (strcasecmp(u->id, c->argument[0]) == 0 || strcasecmp(u->upn, c->argument[0]) == 0) ? u : NULL;
}

struct mailbox *
call_mailbox(struct call *c)
{
	struct user *u = call_mailbox_user(c);

	if (u == NULL) {
		call_refuse(
		    c, 404, "ErrorInvalidUser", JOURNAL_NOT_FOUND, "The requested user '%.80s' is invalid.", c->argument[0]);
		return NULL;
	}
	/* AX: the answer of an application access policy. */
	if (u->mailbox == MAILBOX_DENIED) {
		call_refuse(c, 403, "ErrorAccessDenied", JOURNAL_FORBIDDEN, "Access to OData is disabled.");
		return NULL;
	}
	if (u->mailbox == MAILBOX_ABSENT || u->guest || u->unlicensed) {
		call_refuse(c, 404, "MailboxNotEnabledForRESTAPI", JOURNAL_NOT_FOUND,
		    "The mailbox is either inactive, soft-deleted, or is hosted on-premise.");
		return NULL;
	}
	return user_mailbox(c->sim, u);
}

bool
call_mailbox_enter(struct call *c, struct user *u)
{
	struct mailbox *box = user_mailbox(c->sim, u);

	c->in_mailbox = box;
	box->in_flight++;
	if (box->in_flight > box->in_flight_max)
		box->in_flight_max = box->in_flight;
	return box->in_flight <= CONCURRENT_MAX;
}

void
call_mailbox_leave(struct call *c)
{
	if (c->in_mailbox != NULL)
		c->in_mailbox->in_flight--;
	c->in_mailbox = NULL;
}
