#include "reconciler/consent.h"

#include <string.h>

#include "base/config.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/graph.h"
#include "reconciler/chores.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/tables.h"
#include "state/store.h"

/* Microsoft's directory needs a moment; and no visitor makes us ask more often than that. */
#define ASK_AFTER_MS 1000

static void
scope_of(const struct reconciler *r, const struct tenant *tenant, struct scope_id *ret)
{
	scope_make(&r->scope_key, &tenant->directory_id, "consent", ret);
}

static void
add_state(const struct reconciler *r, const struct tenant *tenant, struct text *t)
{
	struct scope_id scope, nonce;
	struct key32 key;
	char state[CLIENT_STATE_LEN + 1];

	_Static_assert(sizeof(nonce.b) == CLIENT_STATE_NONCE, "one hash serves as the other");
	scope_of(r, tenant, &scope);
	scope_make(&r->scope_key, &tenant->directory_id, "consent nonce", &nonce);
	client_state_consent_key(&r->intake_key, &key);
	client_state_make(&key, &scope, nonce.b, state);
	secret_wipe(&key, sizeof(key));
	text_addf(t, "&state=%s", state);
}

void
consent_url(const struct reconciler *r, const struct tenant *tenant, char *ret, size_t ret_size)
{
	struct text t;

	ret[0] = '\0';
	if (r->config->client_id == NULL)
		return;
	text_init(&t, ret_size);
	text_addf(&t, "%s/%s/adminconsent?client_id=", r->config->login_url, tenant->directory_id.s);
	percent_encode(&t, r->config->client_id);
	if (r->config->public_url != NULL) {
		text_adds(&t, "&redirect_uri=");
		percent_encode(&t, r->config->public_url);
		text_adds(&t, "%2Fgraph%2Fconsent");
		add_state(r, tenant, &t);
	}
	if (text_err(&t) == ERR_OK)
		str_copy(ret, ret_size, t.data);
	text_done(&t);
}

/* Permissions may have come with it: what broke for lack of them is looked at again. */
static void
look_again(struct reconciler *r, const struct tenant *tenant)
{
	struct store_cursor *c = tenant_ergs(r, &tenant->id);
	struct erg_ref ref;
	struct erg erg;

	while (store_next(c, NULL, &ref) == ERR_OK)
		if (erg_load(r, &ref.erg, &erg) == ERR_OK && erg.state == ERG_BROKEN)
			chore_add(r, CHORE_LINK, erg.id.s, ASK_AFTER_MS);
	store_cursor_close(c);
}

void
consent_given(struct reconciler *r, const struct scope_id *scope)
{
	struct store_cursor *c = store_seek(r->store, TABLE_TENANTS, NULL, NULL);
	struct scope_id own;
	struct tenant tenant;
	bool found = false;

	while (!found && store_next(c, NULL, &tenant) == ERR_OK) {
		scope_of(r, &tenant, &own);
		found = tenant.state != TENANT_REMOVING && memcmp(own.b, scope->b, sizeof(own.b)) == 0;
	}
	store_cursor_close(c);
	if (!found)
		return;
	log_put(LOG_INFO, "consent_given", LS("tenant", tenant.id.s));
	graph_tenant_doubt(r->graph, &tenant.directory_id);
	chore_add(r, CHORE_TENANT, tenant.id.s, ASK_AFTER_MS);
	look_again(r, &tenant);
}
