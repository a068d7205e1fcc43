/*
 * mailbox.h - from the user a path names to the mailbox, past all that can be in the way: facts 1.5 and 11.
 */
#ifndef SIM_MAILBOX_H
#define SIM_MAILBOX_H

#include <stdbool.h>

#include "sim/calendar.h"

struct call;
struct sim;

/* Of the user whom the path's {user} names; NULL after refusing: no such user, no mailbox, kept from the application by a policy. */
struct mailbox *call_mailbox(struct call *c);
struct mailbox *user_mailbox(struct sim *sim, struct user *u);
/* The user the path's {user} names in the call's tenant; NULL when there is none. */
struct user *call_mailbox_user(const struct call *c);

/* Takes one of the places for requests that are under way in the mailbox, until the call ends; false when they were all taken. */
bool call_mailbox_enter(struct call *c, struct user *u);
void call_mailbox_leave(struct call *c);

#endif
