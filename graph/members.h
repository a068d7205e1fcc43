/*
 * members.h - who is in a team or a channel, and changing it. graph-facts section 8.
 *
 * Each function starts one call (see graph_call for answers, cancelling and NULL); the read functions, pure, turn its answer
 * into our words. A standard channel has no roster of its own: pass its team without a channel.
 */
#ifndef GRAPH_MEMBERS_H
#define GRAPH_MEMBERS_H

#include "graph/graph.h"
#include "graph/page.h"
#include "model/ids.h"
#include "model/member.h"
#include "model/policy.h"

#define GRAPH_MEMBERS_ADD_MAX    200
#define GRAPH_MEMBERS_REMOVE_MAX 20

struct graph_roster {
	struct guid team;
	const char *channel; /* private or shared channel's id; NULL or "" = the team's roster */
};

struct graph_member {
	char membership_id[MEMBERSHIP_ID_SIZE];
	struct guid user_id;
	struct guid tenant_id; /* home tenant; "" when Graph did not say */
	char display_name[PERSON_NAME_SIZE];
	char email[EMAIL_SIZE]; /* "" when absent */
	enum role role;         /* Graph calls members of a shared channel from another tenant owners */
};

/* ERR_UNSUPPORTED: a kind of member that is not a person of a directory (skip it). ERR_UNEXPECTED: no usable id. */
enum err graph_member_read(const json_t *item, void *ret_member);

/* What a rich notification says of the membership it names: its own id is not to be relied on (graph-facts section 5). Errors as above. */
enum err graph_member_rich_read(const json_t *json, const char *membership_id, struct graph_member *ret);

/* Whole roster; item gets a const struct graph_member. */
struct graph_pages *graph_members_list(struct graph *g, const struct graph_where *w, const struct graph_roster *r,
    void (*item)(void *arg, const void *member), void (*end)(void *arg, const struct graph_page_end *end), void *arg);

/* One membership by its id: NOTFOUND is an answer about the id, not about the person. */
struct graph_call *graph_member_get(struct graph *g, const struct graph_where *w, const struct graph_roster *r,
    const char *membership_id, graph_done done, void *arg);
/* One person by directory id: the second, independent read before a removal. Read with graph_member_find_read. */
struct graph_call *graph_member_find(struct graph *g, const struct graph_where *w, const struct graph_roster *r,
    const struct guid *user, graph_done done, void *arg);
/* ERR_OK with *ret; ERR_NOTFOUND: a complete answer without that person; else the answer's error or ERR_UNEXPECTED: no evidence. */
enum err graph_member_find_read(const struct graph_answer *a, const struct guid *user, struct graph_member *ret);

/* 201 with the member, also when it was one before. */
struct graph_call *graph_member_add(struct graph *g, const struct graph_where *w, const struct graph_roster *r,
    const struct guid *user, enum role role, graph_done done, void *arg);
struct graph_call *graph_member_set_role(struct graph *g, const struct graph_where *w, const struct graph_roster *r,
    const char *membership_id, enum role role, graph_done done, void *arg);
struct graph_call *graph_member_remove(struct graph *g, const struct graph_where *w, const struct graph_roster *r,
    const char *membership_id, graph_done done, void *arg);
enum err graph_member_answer_read(const struct graph_answer *a, struct graph_member *ret);

/* Bulk, teams only; count 1 to the maximum above, else ERR_INVALID through done. */
struct graph_bulk_person {
	struct guid user;
	enum role role;
};
struct graph_call *graph_members_bulk_add(struct graph *g, const struct graph_where *w, const struct guid *team,
    const struct graph_bulk_person *people, size_t count, graph_done done, void *arg);
struct graph_call *graph_members_bulk_remove(struct graph *g, const struct graph_where *w, const struct guid *team,
    const struct graph_bulk_person *people, size_t count, graph_done done, void *arg);
/*
 * What a bulk answer says of one person: ERR_OK done; the person's own error, code (may be NULL) naming it; the answer's error when
 * the whole call failed; ERR_UNEXPECTED when a partial answer does not name the person (read back).
 */
enum err graph_members_bulk_read(const struct graph_answer *a, const struct guid *user, char code[GRAPH_CODE_SIZE]);

/* Shared channels: does the person still have access some other way? */
struct graph_call *graph_member_has_access(struct graph *g, const struct graph_where *w, const struct graph_roster *r,
    const struct guid *user, const struct guid *home_tenant, graph_done done, void *arg);
enum err graph_member_has_access_read(const struct graph_answer *a, bool *ret);

#endif
