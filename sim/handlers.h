/*
 * handlers.h - what the rows of the router's table run. Each gets a signed-in, permitted call and sets its answer.
 */
#ifndef SIM_HANDLERS_H
#define SIM_HANDLERS_H

struct call;

/* directory.c */
void handle_users_list(struct call *c);
void handle_user_get(struct call *c);
void handle_group_get(struct call *c);
void handle_group_members(struct call *c);
void handle_group_owners(struct call *c);
void handle_group_member_add(struct call *c);
void handle_group_member_remove(struct call *c);
void handle_team_get(struct call *c);
void handle_channels_list(struct call *c);
void handle_channel_get(struct call *c);
void handle_channel_primary(struct call *c);

/* delta.c */
void handle_groups_delta(struct call *c);

/* members.c; team and channel forms differ by the number of arguments */
void handle_members_list(struct call *c);
void handle_members_list_all(struct call *c);
void handle_member_get(struct call *c);
void handle_member_add(struct call *c);
void handle_member_patch(struct call *c);
void handle_member_remove(struct call *c);
void handle_members_add(struct call *c);
void handle_members_remove(struct call *c);
void handle_user_has_access(struct call *c);

/* event_calls.c */
void handle_event_create(struct call *c);
void handle_events_list(struct call *c);
void handle_event_get(struct call *c);
void handle_event_patch(struct call *c);
void handle_event_delete(struct call *c);
void handle_event_cancel(struct call *c);
void handle_event_instances(struct call *c);
void handle_calendar_view(struct call *c);

/* event_view.c */
void handle_calendar_delta(struct call *c);

/* subscriptions.c */
void handle_subscription_create(struct call *c);
void handle_subscriptions_list(struct call *c);
void handle_subscription_get(struct call *c);
void handle_subscription_patch(struct call *c);
void handle_subscription_delete(struct call *c);
void handle_subscription_reauthorize(struct call *c);

/* batch.c */
void handle_batch_run(struct call *c);

#endif
