#include "reconciler/rich.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/key_set.h"
#include "graph/notification_keys.h"
#include "graph/validation_token.h"
#include "reconciler/dirty.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"

#define EXPIRY_NEAR_S (30LL * 24 * 3600)
#define LOOK_EVERY_MS (24 * 3600 * 1000LL)

/* What one notification said. */
struct saying {
	struct store_key key; /* scope and item; len 0: free */
	struct graph_member member;
	int64_t boot_ms;
};

/* The last hint of an item. */
struct seen {
	struct store_key key;
	uint8_t digest[HINT_DIGEST_LEN];
	int64_t boot_ms;
};

struct rich {
	struct reconciler *r;
	struct notification_keys *keys;
	struct key_set *signers;
	struct timer *look;
	struct saying sayings[RICH_ITEMS_MAX];
	struct seen seen[RICH_SEEN_MAX];
	size_t next_saying, next_seen;
};

/* --- life --- */

static enum err
keys_load(struct reconciler *r, struct notification_keys **ret, char *why, size_t why_size)
{
	int64_t now_s = clock_wall_ms(r->clock) / 1000;
	enum err e = notification_keys_read(r->config->notification_keys, now_s, ret, why, why_size);

	if (e == ERR_OK && notification_keys_expire_s(*ret) - now_s < EXPIRY_NEAR_S)
		log_put(LOG_WARN, "notification_key_expires",
		    LI("days", (notification_keys_expire_s(*ret) - now_s) / (24 * 3600)),
		    LS("next", "ergsyncctl key notifications, then reload"));
	return e;
}

/* Once a day: a key whose time has come is used, and one whose time is near is told of, however long we run. */
static void
on_look(void *arg)
{
	struct rich *rich = arg;
	char why[512];

	if (rich_reload(rich->r, why, sizeof(why)) != ERR_OK)
		log_put(LOG_ERROR, "notification_keys_stay", LS("detail", why));
	timer_arm(rich->look, LOOK_EVERY_MS);
}

enum err
rich_new(struct reconciler *r, struct rich **ret, char *why, size_t why_size)
{
	struct rich *rich;
	enum err e;

	if (r->config->notifications != CONFIG_NOTIFICATIONS_RICH) {
		*ret = NULL;
		return ERR_OK;
	}
	if ((rich = calloc(1, sizeof(*rich))) == NULL) {
		(void)snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	rich->r = r;
	e = keys_load(r, &rich->keys, why, why_size);
	if (e == ERR_OK && (e = key_set_new(r->graph_http, r->clock, r->config->login_url, &rich->signers)) != ERR_OK)
		(void)snprintf(why, why_size, "%s", err_text(e));
	if (e == ERR_OK && (rich->look = timer_new(r->clock, on_look, rich)) == NULL) {
		(void)snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
		e = ERR_NOMEM;
	}
	if (e != ERR_OK) {
		rich_free(rich);
		return e;
	}
	timer_arm(rich->look, LOOK_EVERY_MS);
	*ret = rich;
	return ERR_OK;
}

void
rich_free(struct rich *rich)
{
	if (rich == NULL)
		return;
	timer_free(rich->look);
	key_set_free(rich->signers);
	notification_keys_free(rich->keys);
	free(rich);
}

enum err
rich_reload(struct reconciler *r, char *why, size_t why_size)
{
	struct notification_keys *keys;
	enum err e;

	if (r->rich == NULL)
		return ERR_OK;
	if ((e = keys_load(r, &keys, why, why_size)) != ERR_OK)
		return e;
	notification_keys_free(r->rich->keys);
	r->rich->keys = keys;
	return ERR_OK;
}

const struct notification_keys *
rich_keys(const struct reconciler *r)
{
	return r->rich != NULL ? r->rich->keys : NULL;
}

/* --- what is known --- */

static bool
same_key(const struct store_key *a, const struct store_key *b)
{
	return a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

static struct saying *
saying_find(struct rich *rich, const struct store_key *key)
{
	for (size_t i = 0; i < RICH_ITEMS_MAX; i++)
		if (same_key(&rich->sayings[i].key, key))
			return &rich->sayings[i];
	return NULL;
}

static void
saying_keep(struct rich *rich, const struct store_key *key, const struct graph_member *member)
{
	struct saying *s = saying_find(rich, key);

	if (s == NULL) {
		s = &rich->sayings[rich->next_saying];
		rich->next_saying = (rich->next_saying + 1) % RICH_ITEMS_MAX;
	}
	s->key = *key;
	s->member = *member;
	s->boot_ms = clock_boot_ms(rich->r->clock);
}

enum word { WORD_FIRST, WORD_REPEATED, WORD_ANOTHER };

/* Notes the hint, and what it is to those of the last hour about the same item. */
static enum word
word_of(struct rich *rich, const struct store_key *key, const struct hint *hint)
{
	int64_t now_ms = clock_boot_ms(rich->r->clock);
	enum word word = WORD_FIRST;
	struct seen *s = NULL;

	for (size_t i = 0; i < RICH_SEEN_MAX && s == NULL; i++)
		if (same_key(&rich->seen[i].key, key))
			s = &rich->seen[i];
	if (s == NULL) {
		s = &rich->seen[rich->next_seen];
		rich->next_seen = (rich->next_seen + 1) % RICH_SEEN_MAX;
	} else {
		if (now_ms - s->boot_ms < RICH_LATE_MS)
			word = memcmp(s->digest, hint->digest, sizeof(s->digest)) == 0 ? WORD_REPEATED : WORD_ANOTHER;
	}
	s->key = *key;
	s->boot_ms = now_ms;
	memcpy(s->digest, hint->digest, sizeof(s->digest));
	return word;
}

/* --- proving and opening --- */

static int64_t
graph_now_s(const struct reconciler *r)
{
	struct graph_stats stats;

	graph_stats(r->graph, &stats);
	return (clock_wall_ms(r->clock) - stats.clock_skew_ms) / 1000;
}

/* A token proves what it says of its own tenant: the item's, or another of ours that had items in the same POST. */
static enum err
token_check(struct rich *rich, const struct rich_text *token, const struct guid *directory, const char **why)
{
	struct reconciler *r = rich->r;
	const struct validation_expect expect = { key_set_get(rich->signers), r->config->client_id, r->config->login_url,
		directory, graph_now_s(r) };

	return validation_token_check(token->at, token->len, &expect, why);
}

/* Is it a directory of ours? */
static bool
is_ours(struct reconciler *r, const struct guid *directory)
{
	struct tenant tenant;

	return tenant_load_by_directory(r, directory, &tenant) == ERR_OK;
}

/* Every token, or none of the POST counts; and one of them is of the item's tenant. */
static enum err
tokens_check(struct rich *rich, const struct tenant *tenant, const struct rich_item *item, const char **why)
{
	bool named = false, own;
	struct guid directory;
	enum err e = ERR_OK;

	for (size_t i = 0; i < item->token_count && e == ERR_OK; i++) {
		const struct rich_text *token = &item->tokens[i];

		own = !validation_token_tenant(token->at, token->len, &directory) ||
		      strcmp(directory.s, tenant->directory_id.s) == 0 || !is_ours(rich->r, &directory);
		e = token_check(rich, token, own ? &tenant->directory_id : &directory, why);
		named = named || own;
	}
	if (e == ERR_NOTFOUND)
		key_set_want(rich->signers);
	if (e == ERR_OK && !named) {
		*why = "no token of its tenant";
		e = ERR_UNAUTHORIZED;
	}
	return e;
}

static enum err
member_open(struct rich *rich, const struct rich_item *item, const char *membership_id, struct graph_member *ret)
{
	char *text = NULL, why[128];
	json_t *json = NULL;
	size_t len = 0;
	enum err e = notification_keys_open(rich->keys, item, &text, &len);

	if (e == ERR_OK)
		e = jx_parse(text, len, &json, why, sizeof(why));
	if (e == ERR_OK)
		e = graph_member_rich_read(json, membership_id, ret);
	json_decref(json);
	rich_text_free(text, len);
	return e;
}

static enum err
prove(struct rich *rich, const struct hint *hint, const char *membership_id, struct graph_member *ret, const char **why)
{
	struct subscription scope;
	struct tenant tenant;
	struct rich_item item;
	enum err e = rich_unpack(hint->rich, &item);

	*why = "not as it is packed";
	if (e == ERR_OK && (e = subscription_load(rich->r, &hint->scope, &scope)) != ERR_OK)
		*why = "of no subscription of ours";
	if (e == ERR_OK && (e = tenant_load(rich->r, &scope.tenant, &tenant)) != ERR_OK)
		*why = "of no tenant of ours";
	if (e == ERR_OK && scope.kind == SUBSCRIPTION_MAILBOX_EVENTS) {
		*why = "of a mailbox";
		e = ERR_UNSUPPORTED;
	}
	if (e == ERR_OK)
		e = tokens_check(rich, &tenant, &item, why);
	if (e == ERR_OK && (e = member_open(rich, &item, membership_id, ret)) != ERR_OK)
		*why = "it cannot be opened";
	return e;
}

void
rich_hint(struct reconciler *r, const struct hint *hint)
{
	struct rich *rich = r->rich;
	char id[HINT_ITEM_MAX + 1];
	struct graph_member member;
	struct store_key key;
	struct saying *said;
	enum word word;
	const char *why;
	enum err e;

	if (rich == NULL || hint->item_len == 0 || hint->item_len > HINT_ITEM_MAX)
		return;
	memcpy(id, hint->item, hint->item_len);
	id[hint->item_len] = '\0';
	dirty_key(r, &hint->scope, id, hint->item_len, &key);
	word = word_of(rich, &key, hint);
	if (word != WORD_REPEATED && (said = saying_find(rich, &key)) != NULL)
		said->key.len = 0;
	if (word != WORD_FIRST || hint->rich == NULL || hint->kind > HINT_UPDATED)
		return;
	if ((e = prove(rich, hint, id, &member, &why)) == ERR_OK) {
		saying_keep(rich, &key, &member);
		r->counters.rich_believed++;
	} else {
		r->counters.rich_refused++;
		log_put(LOG_WARN, "rich_notification_not_believed", LS("err", err_name(e)), LS("reason", why));
	}
}

bool
rich_take(struct reconciler *r, const struct scope_id *scope, const char *item, struct graph_member *ret)
{
	struct store_key key;
	struct saying *said;

	if (r->rich == NULL)
		return false;
	dirty_key(r, scope, item, strlen(item), &key);
	if ((said = saying_find(r->rich, &key)) == NULL)
		return false;
	*ret = said->member;
	said->key.len = 0;
	return clock_boot_ms(r->clock) - said->boot_ms < RICH_FRESH_MS;
}
