/* Mails by what changed. */
#include "sim/event_mail.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/call.h"
#include "sim/memory.h"

static void
mail(struct sim *sim, struct event *e, const json_t *attendee, enum mail kind)
{
	const char *address = json_string_value(jx_path(attendee, "emailAddress", "address", NULL));
	struct event *counted = e->master != NULL ? e->master : e;
	const struct user *u = e->box->user;

	if (strcasecmp(address, u->upn) == 0 || (u->mail != NULL && strcasecmp(address, u->mail) == 0))
		return;
	calendar_addressee(counted, address)->mails.of[kind]++;
	counted->mails.of[kind]++;
	e->box->mails.of[kind]++;
	if (e->end_ms < clock_wall_ms(sim->clock) && jx_get_object(e->state, "recurrence") == NULL)
		e->box->late_mails++;
}

bool
event_organized(const json_t *state)
{
	return jx_get_bool(state, "isOrganizer", true);
}

void
event_mail_all(struct sim *sim, struct event *e, const json_t *state, enum mail kind)
{
	const json_t *list = jx_get_array(state, "attendees");

	for (size_t i = 0; event_organized(state) && i < json_array_size(list); i++)
		mail(sim, e, json_array_get(list, i), kind);
}

static void
lower_address(const json_t *attendee, char ret[512])
{
	const char *address = json_string_value(jx_path(attendee, "emailAddress", "address", NULL));
	size_t n = 0;

	for (; address[n] != '\0' && n + 1 < 512; n++)
		ret[n] = (char)((unsigned)(address[n] - 'A') < 26 ? address[n] + 32 : address[n]);
	ret[n] = '\0';
}

/* Those of list whose address is not in others get a mail of this kind, the rest one of that kind (MAIL_KINDS: none). */
static void
mail_by_list(struct sim *sim, struct event *e, const json_t *list, const json_t *others, enum mail news, enum mail rest)
{
	struct map known = { 0 };
	char(*keys)[512] = must_alloc((json_array_size(others) + 1) * sizeof(*keys)), key[512];

	for (size_t i = 0; i < json_array_size(others); i++) {
		lower_address(json_array_get(others, i), keys[i]);
		sim_map_put(&known, keys[i], keys[i]);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		enum mail kind;

		lower_address(json_array_get(list, i), key);
		kind = sim_map_get(&known, key) == NULL ? news : rest;
		if (kind != MAIL_KINDS)
			mail(sim, e, json_array_get(list, i), kind);
	}
	sim_map_done(&known);
	free(keys);
}

/* What attendees are told of; the rest is the organizer's own affair. */
static const char *const told_keys[] = { "subject", "body", "start", "end", "isAllDay", "location", "recurrence", "onlineMeeting",
	NULL };

bool
event_mail_matters(const json_t *given)
{
	for (size_t i = 0; told_keys[i] != NULL; i++)
		if (json_object_get(given, told_keys[i]) != NULL)
			return true;
	return false;
}

static bool
matters(const json_t *before, const json_t *after)
{
	for (size_t i = 0; told_keys[i] != NULL; i++)
		if (!json_equal(json_object_get(before, told_keys[i]), json_object_get(after, told_keys[i])))
			return true;
	return false;
}

/* Facts 9.3: only attendees changed = only those added and removed hear of it. */
void
event_mail_change(struct sim *sim, struct event *e, const json_t *before, const json_t *after, bool loud)
{
	const json_t *was = jx_get_array(before, "attendees"), *is = jx_get_array(after, "attendees");

	if (!event_organized(after))
		return;
	mail_by_list(sim, e, is, was, MAIL_INVITATION, loud || matters(before, after) ? MAIL_UPDATE : MAIL_KINDS);
	mail_by_list(sim, e, was, is, MAIL_CANCELLATION, MAIL_KINDS);
}
