/*
 * app_side.h - what the app does in a test, and what Teams and the ERG look like afterwards. Users are numbers: the app calls number
 * 28 "app28" and knows the address u28@acme.example.
 */
#ifndef TESTS_UNIT_RECONCILER_APP_SIDE_H
#define TESTS_UNIT_RECONCILER_APP_SIDE_H

#include "unit/reconciler/rig.h"

#define ADD_ONE     "POST /teams/{team}/members"
#define ADD_BULK    "POST /teams/{team}/members/add"
#define REMOVE_BULK "POST /teams/{team}/members/remove"
#define REMOVE_ONE  "DELETE /teams/{team}/members/{member}"
#define USERS       "GET /users"

UNUSED_OK static inline struct erg_id
erg_named(const char *id)
{
	struct erg_id erg;

	assert_true(erg_id_parse(id, &erg));
	return erg;
}

UNUSED_OK static inline struct app_member_put
entry(unsigned user, enum role role)
{
	struct app_member_put put = { .role = role };

	snprintf(put.who.user.s, sizeof(put.who.user.s), "app%u", user);
	snprintf(put.email, sizeof(put.email), "u%u@acme.example", user);
	return put;
}

UNUSED_OK static inline struct member_view
put_member(struct rig *rig, const char *erg, const struct app_member_put *put)
{
	struct erg_id id = erg_named(erg);
	struct member_view view = { 0 };
	struct problem p = { 0 };

	assert_int_equal(backend_ops.member_put(rig->r, &id, put, &view, &p), ERR_OK);
	return view;
}

UNUSED_OK static inline void
join(struct rig *rig, unsigned user)
{
	struct app_member_put put = entry(user, ROLE_MEMBER);

	put_member(rig, "pride", &put);
}

UNUSED_OK static inline void
leave(struct rig *rig, const char *erg, unsigned user)
{
	struct app_member_put put = entry(user, ROLE_MEMBER);
	struct erg_id id = erg_named(erg);
	struct problem p = { 0 };

	assert_int_equal(backend_ops.member_remove(rig->r, &id, &put.who, &p), ERR_OK);
}

UNUSED_OK static inline enum err
get_member(struct rig *rig, const char *erg, unsigned user, struct member_view *ret)
{
	struct app_member_put put = entry(user, ROLE_MEMBER);
	struct erg_id id = erg_named(erg);
	struct problem p = { 0 };

	memset(ret, 0, sizeof(*ret));
	return backend_ops.member_get(rig->r, &id, &put.who, ret, &p);
}

UNUSED_OK static inline enum member_status
status_of(struct rig *rig, const char *erg, unsigned user)
{
	struct member_view view;

	assert_int_equal(get_member(rig, erg, user, &view), ERR_OK);
	return view.member.status;
}

/* "owner", "member", "guest"; "" for nobody. */
UNUSED_OK static inline const char *
in_teams(struct rig *rig, unsigned user)
{
	static char role[16];
	char id[GUID_SIZE];
	json_t *answer = rig_ask(rig, "GET", "/_sim/members?team=" RIG_TEAM, NULL), *m;
	size_t i;

	role[0] = '\0';
	rig_user(user, id);
	json_array_foreach(jx_get_array(answer, "members"), i, m) if (strcmp(jx_get_str(m, "user"), id) == 0)
	    str_copy(role, sizeof(role), jx_get_str(m, "role"));
	json_decref(answer);
	return role;
}

UNUSED_OK static inline size_t
count_in_teams(struct rig *rig)
{
	json_t *answer = rig_ask(rig, "GET", "/_sim/members?team=" RIG_TEAM, NULL);
	size_t n = json_array_size(jx_get_array(answer, "members"));

	json_decref(answer);
	return n;
}

UNUSED_OK static inline int64_t
violations(struct rig *rig)
{
	json_t *answer = rig_ask(rig, "GET", "/_sim/journal", NULL);
	int64_t n = jx_get_int(answer, "violations", -1);

	if (n != 0) {
		char *text = json_dumps(answer, JSON_INDENT(1));

		print_error("%s\n", text);
		free(text);
	}
	json_decref(answer);
	return n;
}

/* The app names those it has been told of; the first is the team's owner. */
UNUSED_OK static inline void
name_all(struct rig *rig, unsigned count)
{
	for (unsigned i = 1; i <= count; i++) {
		struct app_member_put put = entry(i, i == 1 ? ROLE_OWNER : ROLE_MEMBER);

		put_member(rig, "pride", &put);
	}
	rig_run(rig, 120000);
}

#endif
