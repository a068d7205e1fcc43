/*
 * teams.h - teams, their groups and channels, and people of the directory: look-ups. graph-facts sections 8.3 and 12.
 *
 * Calls as in graph/members.h: one starts, a pure reader understands its answer. Readers give the answer's error, or
 * ERR_UNEXPECTED when it does not hold what it must.
 */
#ifndef GRAPH_TEAMS_H
#define GRAPH_TEAMS_H

#include <stdbool.h>

#include "graph/graph.h"
#include "graph/page.h"
#include "model/erg.h"
#include "model/ids.h"
#include "model/member.h"
#include "model/policy.h"

struct graph_team {
	struct guid id;
	char name[ERG_NAME_SIZE];
	bool archived;
};
struct graph_call *
graph_team_get(struct graph *g, const struct graph_where *w, const struct guid *team, graph_done done, void *arg);
enum err graph_team_read(const struct graph_answer *a, struct graph_team *ret);

struct graph_channel {
	char id[CHANNEL_ID_SIZE];
	char name[ERG_NAME_SIZE];
	enum channel_type type; /* CHANNEL_UNKNOWN: a kind Graph has added */
	struct guid tenant_id;  /* "" when absent */
	bool archived;
};
struct graph_call *graph_channel_get(
    struct graph *g, const struct graph_where *w, const struct guid *team, const char *channel_id, graph_done done, void *arg);
/* The General channel: what a link to a team means. */
struct graph_call *
graph_channel_primary(struct graph *g, const struct graph_where *w, const struct guid *team, graph_done done, void *arg);
enum err graph_channel_read(const struct graph_answer *a, struct graph_channel *ret);

struct graph_user {
	struct guid id;
	char upn[UPN_SIZE], email[EMAIL_SIZE], name[PERSON_NAME_SIZE];
	bool enabled; /* true when Graph does not say */
	bool guest;
};
/* By object id or user principal name. NOTFOUND: nobody. */
struct graph_call *
graph_user_get(struct graph *g, const struct graph_where *w, const char *id_or_upn, graph_done done, void *arg);
enum err graph_user_read(const struct graph_answer *a, struct graph_user *ret);
/* By e-mail: mail or user principal name equal to it. */
struct graph_call *graph_user_find(struct graph *g, const struct graph_where *w, const char *email, graph_done done, void *arg);
/* Many people at once, in one round trip: count 1 to GRAPH_BATCH_MAX (graph/batch.h). */
struct graph_call *graph_users_find(
    struct graph *g, const struct graph_where *w, const char *const *emails, size_t count, graph_done done, void *arg);
/* One answer each, as graph_user_find would have had; borrowed like a. */
void graph_users_find_split(const struct graph_answer *a, size_t count, struct graph_answer *ret);
/* email as it was asked for. ERR_NOTFOUND: nobody has it; ERR_CONFLICT: several people do. */
enum err graph_user_find_read(const struct graph_answer *a, const char *email, struct graph_user *ret);

#endif
