/*
 * build.h - making and changing what the simulated world holds, from JSON. For control.c and worlds read from files.
 *
 * Readers are strict: a misspelt member of a test's world is an error and not a silently different world. Each function
 * that answers false has said why in the control.
 */
#ifndef SIM_BUILD_H
#define SIM_BUILD_H

#include "base/json.h"
#include "sim/members.h"

struct call;
struct sim;

/* One control request: what it works on and why it failed. */
struct control {
	struct sim *sim;
	struct call *call; /* NULL while a world is built from a file */
	bool created;
	char why[256];
};

extern const char *const control_consents[3], *const control_channel_types[3], *const control_roles[3];

bool control_fail(struct control *k, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* No other members than names, which reads " a b c ". */
bool control_only(struct control *k, const json_t *o, const char *names);
/* Each leaves *ret alone when the member is absent. */
bool control_text(struct control *k, const json_t *o, const char *key, const char **ret);
bool control_flag(struct control *k, const json_t *o, const char *key, bool *ret);
bool control_guid(struct control *k, const json_t *o, const char *key, const char **ret);
bool control_name(struct control *k, const json_t *o, const char *key, const char *const *names, int count, int *ret);
bool control_permissions(struct control *k, const json_t *list, unsigned *ret);
/* NULL after saying why. "tenant" may be left out while there is one. */
struct tenant *control_tenant(struct control *k, const json_t *o);
struct team *control_team(struct control *k, const char *id);
struct user *control_user(struct control *k, const struct place *p, const json_t *value);
struct change_way control_way(const struct control *k, bool quiet);

/* Each makes what o describes, or changes what it names; k->created tells which. */
bool build_app(struct control *k, const json_t *o);
bool build_tenant(struct control *k, const json_t *o, struct tenant **ret);
bool build_user(struct control *k, struct tenant *tenant, const json_t *o, struct user **ret);
bool build_team(struct control *k, struct tenant *tenant, const json_t *o, struct team **ret);
bool build_channel(struct control *k, struct team *team, const json_t *o, struct channel **ret);
bool build_world(struct control *k, const json_t *o);
/* Makes users until the tenant has n. */
bool build_user_count(struct control *k, struct tenant *t, json_int_t n);
/* Appends {"id"} of each to ret_ids. */
bool build_faults(struct control *k, const json_t *list, json_t *ret_ids);

#endif
