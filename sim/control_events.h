/*
 * control_events.h - the control API's calls on mailboxes and events: what people do in Outlook, and the truth. control.h describes them.
 *
 * As every row of the control's table: each sets the call's answer, or returns false with why set.
 */
#ifndef SIM_CONTROL_EVENTS_H
#define SIM_CONTROL_EVENTS_H

#include "sim/build.h"

bool control_mailbox_get(struct control *k, const json_t *body);
bool control_events_get(struct control *k, const json_t *body);
bool control_event(struct control *k, const json_t *body);

#endif
