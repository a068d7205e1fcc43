/* request.c - strict bodies. What only the backend can know (does the tenant exist, is the team in it) is not checked here. */
#include "app/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/teams_link.h"

#define REMOVAL_LIMIT_MAX 1000000

/* Names are shown in terminals, logs and mails: no control character, and something to see. */
static bool
is_plain(const char *s)
{
	bool seen = false;

	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
		seen |= *s != ' ';
	}
	return seen;
}

/* An object id or a user principal name. */
static bool
read_account(struct jx_reader *r, const char *key, bool required, char ret[UPN_SIZE])
{
	const char *s;
	struct guid id;

	if (!jx_str(r, key, required, 1, UPN_SIZE - 1, &s))
		return false;
	if (guid_parse(s, &id))
		return str_copy(ret, UPN_SIZE, id.s);
	if (email_plausible(s))
		return str_copy(ret, UPN_SIZE, s);
	jx_fail(r, key, "must be a user principal name (name@example.org) or an object id");
	return false;
}

static void
read_guid(struct jx_reader *r, const char *key, bool required, struct guid *ret)
{
	const char *s;

	if (jx_str(r, key, required, 1, 256, &s) && !guid_parse(s, ret))
		jx_fail(r, key, "must be a GUID, such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301");
}

enum err
request_tenant(const json_t *root, struct app_tenant_put *ret, json_t **ret_errors)
{
	struct jx_reader r;

	jx_open(&r, root);
	read_guid(&r, "directory_id", true, &ret->directory_id);
	read_account(&r, "organizer", true, ret->organizer);
	ret->sign_in = ret->meetings = -1;
	(void)jx_enum(&r, "sign_in", false, tenant_sign_in_names, &ret->sign_in);
	(void)jx_enum(&r, "meetings", false, tenant_meetings_names, &ret->meetings);
	return jx_close(&r, ret_errors) ? ERR_OK : ERR_INVALID;
}

static void
read_channel_url(struct jx_reader *r, struct app_erg_put *ret)
{
	struct teams_link link;
	char why[DETAIL_SIZE];
	const char *s;

	if (!jx_str(r, "channel_url", true, 1, CHANNEL_URL_SIZE - 1, &s))
		return;
	if (teams_link_parse(s, &link, why, sizeof(why)) != ERR_OK) {
		jx_fail(r, "channel_url", "%s", why);
		return;
	}
	str_copy(ret->channel_url, sizeof(ret->channel_url), s);
	ret->link_directory_id = link.tenant_id;
	ret->team_id = link.team_id;
	/* A team link's thread need not be a channel: the team's General is looked up. */
	str_copy(ret->channel_id, sizeof(ret->channel_id), link.kind == TEAMS_LINK_CHANNEL ? link.channel_id : "");
}

static void
read_erg_name(struct jx_reader *r, char ret[ERG_NAME_SIZE])
{
	const char *s;

	if (!jx_str(r, "name", true, 1, ERG_NAME_SIZE - 1, &s))
		return;
	if (is_plain(s))
		str_copy(ret, ERG_NAME_SIZE, s);
	else
		jx_fail(r, "name", "must be visible text without control characters");
}

enum err
request_erg(const json_t *root, struct app_erg_put *ret, json_t **ret_errors)
{
	struct jx_reader r;
	const char *tenant;
	int word = 0;

	jx_open(&r, root);
	if (jx_str(&r, "tenant", true, 1, APP_ID_SIZE - 1, &tenant) && !tenant_id_parse(tenant, &ret->tenant))
		jx_fail(&r, "tenant", "must be 1 to 128 of A-Z a-z 0-9 . _ ~ -");
	read_erg_name(&r, ret->name);
	read_channel_url(&r, ret);
	if (jx_enum(&r, "membership", true, membership_policy_names, &word))
		ret->membership = (enum membership_policy)word;
	if (jx_enum(&r, "meetings", true, meetings_policy_names, &word))
		ret->meetings = (enum meetings_policy)word;
	ret->removal_limit = ret->removal_percent = -1;
	jx_int(&r, "removal_limit", false, 0, REMOVAL_LIMIT_MAX, &ret->removal_limit);
	jx_int(&r, "removal_percent", false, 0, 100, &ret->removal_percent);
	read_account(&r, "organizer", false, ret->organizer);
	return jx_close(&r, ret_errors) ? ERR_OK : ERR_INVALID;
}

/* The app may ask for member and owner; that somebody is a guest only Teams says. */
static const char *const asked_roles[] = { "member", "owner", NULL };

static void
read_member(struct jx_reader *r, struct app_member_put *ret)
{
	const char *email;
	bool named = ret->who.entra_id.s[0] != '\0';
	int word = 0;

	if (jx_str(r, "email", false, 1, EMAIL_SIZE - 1, &email)) {
		if (email_plausible(email))
			str_copy(ret->email, sizeof(ret->email), email);
		else
			jx_fail(r, "email", "must be an e-mail address or a user principal name");
		named = true;
	}
	if (json_is_string(json_object_get(r->object, "entra_id")))
		named = true;
	read_guid(r, "entra_id", false, &ret->entra_id);
	if (!named && !r->failed)
		jx_fail(r, "email", "email or entra_id is needed to know who this is");
	if (jx_enum(r, "role", true, asked_roles, &word))
		ret->role = (enum role)word;
	jx_bool(r, "private", false, &ret->private_);
	if (ret->who.entra_id.s[0] != '\0' && ret->entra_id.s[0] != '\0' && strcmp(ret->who.entra_id.s, ret->entra_id.s) != 0)
		jx_fail(r, "entra_id", "is another one than the path names");
	else if (ret->who.entra_id.s[0] != '\0')
		ret->entra_id = ret->who.entra_id;
}

enum err
request_member(const json_t *root, struct app_member_put *ret, json_t **ret_errors)
{
	struct jx_reader r;

	jx_open(&r, root);
	read_member(&r, ret);
	return jx_close(&r, ret_errors) ? ERR_OK : ERR_INVALID;
}

/* False when seen, a set, has this person already. */
static bool
note_person(json_t *seen, const struct app_person_ref *who)
{
	/* No app id has a colon, so that the two kinds of names never meet. */
	char key[APP_ID_SIZE + sizeof(PERSON_TEAMS_PREFIX)];

	snprintf(key, sizeof(key), "%s%s", who->user.s[0] != '\0' ? "" : PERSON_TEAMS_PREFIX,
	    who->user.s[0] != '\0' ? who->user.s : who->entra_id.s);
	return json_object_get(seen, key) == NULL && json_object_set_new(seen, key, json_true()) == 0;
}

/* seen holds who was in the list before. */
static bool
read_list_item(const json_t *item, size_t index, struct app_member_put *ret, json_t *seen, json_t **ret_errors)
{
	struct jx_reader r;
	char pointer[32];
	const char *user;

	snprintf(pointer, sizeof(pointer), "/members/%zu", index);
	jx_open_at(&r, item, pointer);
	if (jx_str(&r, "user", true, 1, APP_ID_SIZE - 1, &user)) {
		if (!person_ref_parse(user, &ret->who.user, &ret->who.entra_id))
			jx_fail(&r, "user", "must be 1 to 128 of A-Z a-z 0-9 . _ ~ -, or entra:<object id>");
		else if (!note_person(seen, &ret->who))
			jx_fail(&r, "user", "is in the list already");
	}
	read_member(&r, ret);
	return jx_close(&r, ret_errors);
}

/* More mistakes than these help nobody, and a list may hold 50000. */
#define LIST_ERRORS_MAX 100

enum err
request_list_member(const json_t *item, struct app_member_put *ret)
{
	json_t *seen = json_object();
	bool ok;

	memset(ret, 0, sizeof(*ret));
	ok = seen != NULL && item != NULL && read_list_item(item, 0, ret, seen, NULL);
	json_decref(seen);
	return ok ? ERR_OK : ERR_INVALID;
}

static bool
read_list(const json_t *list, struct app_member_put *ret, json_t *errors)
{
	json_t *seen = json_object();
	bool ok = seen != NULL;

	for (size_t i = 0; i < json_array_size(list) && json_array_size(errors) < LIST_ERRORS_MAX; i++) {
		json_t *found = NULL;

		if (read_list_item(json_array_get(list, i), i, &ret[i], seen, &found))
			continue;
		ok = false;
		if (found != NULL)
			json_array_extend(errors, found);
		json_decref(found);
	}
	json_decref(seen);
	return ok;
}

enum err
request_members(const json_t *root, struct app_member_put **ret, size_t *ret_count, json_t **ret_errors)
{
	struct jx_reader r;
	const json_t *list = NULL;
	struct app_member_put *members;
	json_t *errors;
	size_t count;

	jx_open(&r, root);
	jx_array(&r, "members", true, APP_MEMBERS_MAX, &list);
	if (!jx_close(&r, ret_errors))
		return ERR_INVALID;
	count = json_array_size(list);
	members = calloc(count + 1, sizeof(*members));
	errors = json_array();
	if (members == NULL || errors == NULL) {
		free(members);
		json_decref(errors);
		return ERR_NOMEM;
	}
	if (!read_list(list, members, errors)) {
		free(members);
		*ret_errors = errors;
		return ERR_INVALID;
	}
	json_decref(errors);
	*ret = members;
	*ret_count = count;
	return ERR_OK;
}

/* What people write in a mail: lines and tabs, no other control character. */
static bool
is_prose(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < ' ' && strchr("\t\n\r", *s) == NULL) || *s == 0x7f)
			return false;
	return true;
}

enum err
request_comment(const json_t *root, char ret[EVENT_COMMENT_SIZE], json_t **ret_errors)
{
	struct jx_reader r;
	const char *comment;

	ret[0] = '\0';
	if (root == NULL)
		return ERR_OK;
	jx_open(&r, root);
	if (jx_str(&r, "comment", false, 0, EVENT_COMMENT_SIZE - 1, &comment)) {
		if (is_prose(comment))
			str_copy(ret, EVENT_COMMENT_SIZE, comment);
		else
			jx_fail(&r, "comment", "must be text without control characters other than line breaks and tabs");
	}
	return jx_close(&r, ret_errors) ? ERR_OK : ERR_INVALID;
}

enum err
request_key_rotate(const json_t *root, const char **ret_check, json_t **ret_errors)
{
	struct jx_reader r;

	jx_open(&r, root);
	(void)jx_str(&r, "check", true, APP_KEY_CHECK_LEN, APP_KEY_CHECK_LEN, ret_check);
	return jx_close(&r, ret_errors) ? ERR_OK : ERR_INVALID;
}

enum err
request_resync(const json_t *root, struct resync_scope *ret_scope, bool *ret_dry_run, json_t **ret_errors)
{
	struct jx_reader r;
	const char *scope;

	*ret_dry_run = false;
	jx_open(&r, root);
	if (jx_str(&r, "scope", true, 1, APP_ID_SIZE + 16, &scope) && resync_scope_parse(scope, ret_scope) != ERR_OK)
		jx_fail(&r, "scope", "must be all, tenant:{id} or erg:{id}");
	jx_bool(&r, "dry_run", false, ret_dry_run);
	return jx_close(&r, ret_errors) ? ERR_OK : ERR_INVALID;
}

enum err
request_decision(const json_t *root, bool *ret_approve, const char **ret_hash, json_t **ret_errors)
{
	static const char *const decisions[] = { "approve", "reject", NULL };
	struct jx_reader r;
	int word = 1;

	jx_open(&r, root);
	jx_enum(&r, "decision", true, decisions, &word);
	*ret_approve = word == 0;
	jx_str(&r, "hash", true, 1, sizeof(((struct app_plan *)0)->hash) - 1, ret_hash);
	return jx_close(&r, ret_errors) ? ERR_OK : ERR_INVALID;
}

enum err
request_number(const char *text, uint64_t min, uint64_t max, uint64_t fallback, uint64_t *ret)
{
	uint64_t number;

	if (text == NULL) {
		*ret = fallback;
		return ERR_OK;
	}
	if (parse_u64(text, &number) != ERR_OK || number < min || number > max)
		return ERR_INVALID;
	*ret = number;
	return ERR_OK;
}
