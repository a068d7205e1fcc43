/*
 * event_mail.h - which mails Exchange sends about events, counted by event, attendee and mailbox: facts 9.1 and 9.3.
 *
 * Only the organizer's own mailbox sends any. Nothing can keep them from going out.
 */
#ifndef SIM_EVENT_MAIL_H
#define SIM_EVENT_MAIL_H

#include "sim/calendar.h"

struct sim;

bool event_organized(const json_t *state); /* by the mailbox it is in */
/* Everybody invited in this state gets one. */
void event_mail_all(struct sim *sim, struct event *e, const json_t *state, enum mail kind);
/* What a change sends. loud: to all who were and are invited, whether anything is different or not. */
void event_mail_change(struct sim *sim, struct event *e, const json_t *before, const json_t *after, bool loud);
/* Do attendees care for any of these members? */
bool event_mail_matters(const json_t *given);

#endif
