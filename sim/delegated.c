/* A device code is used up by the answer that carries its tokens, whoever polls again is told so. */
#include "sim/delegated.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "sim/call.h"
#include "sim/form.h"
#include "sim/memory.h"
#include "sim/token.h"

#define USER_CODE_LEN 9
#define SECRET_BYTES  48

enum decision { DECISION_NONE, DECISION_GRANTED, DECISION_DECLINED, DECISION_USED };

struct device {
	char *code;
	char user_code[USER_CODE_LEN + 1];
	const struct tenant *tenant;
	char app_id[GUID_SIZE];
	bool openid, offline;
	enum decision decision;
	struct user *user;
	int64_t expires_ms, polled_ms; /* boot time; never polled: 0 */
	int64_t interval_s;
};

struct refresh {
	char *text;
	const struct tenant *tenant;
	char app_id[GUID_SIZE];
	bool openid;
	struct user *user;
	int64_t used_ms;
	int ended; /* the AADSTS number it is refused with; 0: it is good */
};

/* --- helpers --- */

static char *
secret_text(struct sim *sim, const char *prefix)
{
	uint8_t random[SECRET_BYTES];
	char encoded[BASE64URL_LEN(SECRET_BYTES) + 1];
	char *text = must_alloc(strlen(prefix) + sizeof(encoded));

	rng_bytes(&sim->rng, random, sizeof(random));
	base64url_encode(random, sizeof(random), encoded);
	memcpy(text, prefix, strlen(prefix));
	memcpy(text + strlen(prefix), encoded, sizeof(encoded));
	return text;
}

/* Letters and digits that people do not confuse. */
static void
user_code_make(struct sim *sim, char ret[USER_CODE_LEN + 1])
{
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

	for (int i = 0; i < USER_CODE_LEN; i++)
		ret[i] = letters[rng_below(&sim->rng, sizeof(letters) - 1)];
	ret[USER_CODE_LEN] = '\0';
}

/* What all three requests must have. */
static int
check_common(const struct call *c, const struct form *f)
{
	if (c->tenant == NULL)
		return 90002;
	if (c->tenant->consent == CONSENT_ABSENT)
		return 700016;
	return form_get(f, "client_id") == NULL ? 900144 : 0;
}

/* --- the device code --- */

static json_t *
device_json(const struct sim *sim, const struct device *d)
{
	static const char where[] = "https://microsoft.com/devicelogin";
	struct text message;
	json_t *answer;

	text_init(&message, 512);
	text_addf(&message, "To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", where,
	    d->user_code);
	answer =
	    json_pack("{s:s,s:s,s:s,s:I,s:I,s:s}", "user_code", d->user_code, "device_code", d->code, "verification_uri", where,
	        "expires_in", (json_int_t)sim->settings.device_s, "interval", (json_int_t)d->interval_s, "message", message.data);
	text_done(&message);
	return answer;
}

void
sim_delegated_device(struct call *c, const char *tenant)
{
	struct form f = { .count = 0 };
	bool good = form_parse(&f, c->body == NULL ? "" : c->body);
	struct device *d;
	int refused;

	c->tenant = world_tenant(&c->sim->world, tenant);
	refused = good ? check_common(c, &f) : 900144;
	if (refused == 0 && (form_get(&f, "scope") == NULL || *form_get(&f, "scope") == '\0'))
		refused = 70011;
	if (refused != 0) {
		sim_token_refuse(c, refused);
		form_done(&f);
		return;
	}
	d = must_alloc(sizeof(*d));
	d->code = secret_text(c->sim, "dc.");
	user_code_make(c->sim, d->user_code);
	d->tenant = c->tenant;
	sim_guid_copy(d->app_id, form_get(&f, "client_id"));
	d->openid = form_has_word(&f, "scope", "openid");
	d->offline = form_has_word(&f, "scope", "offline_access");
	d->interval_s = c->sim->settings.device_interval_s;
	d->expires_ms = c->now_ms + c->sim->settings.device_s * 1000;
	sim_map_put(&c->sim->devices, d->code, d);
	call_answer(c, 200, device_json(c->sim, d));
	form_done(&f);
}

bool
sim_delegated_decide(struct sim *sim, const struct tenant *tenant, const char *user_code, struct user *user)
{
	struct device *d;
	size_t at = 0;

	while ((d = sim_map_next(&sim->devices, &at)) != NULL)
		if (d->tenant == tenant && d->decision == DECISION_NONE && strcasecmp(d->user_code, user_code) == 0 &&
		    d->expires_ms > clock_boot_ms(sim->clock)) {
			d->decision = user == NULL ? DECISION_DECLINED : DECISION_GRANTED;
			d->user = user;
			return true;
		}
	return false;
}

/* --- tokens --- */

/* For who asks "openid": who it was, in a JWT for the client to read. */
static char *
id_token(struct call *c, const char *app_id, const struct user *user)
{
	struct text issuer;
	char *jwt;

	text_init(&issuer, 4096);
	text_addf(&issuer, "%s/%s/v2.0", c->sim->base_url, c->tenant->id);
	jwt = sim_token_jwt(
	    c, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "aud", app_id, "iss", issuer.data, "ver", "2.0", "tid",
	           c->tenant->id, "oid", user->id, "sub", user->id, "preferred_username", user->upn, "name", user->name));
	text_done(&issuer);
	return jwt;
}

static void
add_client_info(json_t *answer, const struct tenant *tenant, const struct user *user)
{
	json_t *info = json_pack("{s:s,s:s}", "uid", user->id, "utid", tenant->id);
	char *plain = json_dumps(info, JSON_COMPACT), *encoded = must_alloc(BASE64URL_LEN(strlen(plain)) + 1);

	base64url_encode(plain, strlen(plain), encoded);
	json_object_set_new(answer, "client_info", json_string(encoded));
	free(encoded);
	free(plain);
	json_decref(info);
}

struct grant {
	const char *app_id;
	struct user *user;
	bool openid, offline;
};

static void
grant_tokens(struct call *c, const struct form *f, const struct grant *g)
{
	json_t *answer = sim_token_issue(c, g->app_id, g->user);

	if (g->offline) {
		struct refresh *r = must_alloc(sizeof(*r));

		r->text = secret_text(c->sim, "1.rt.");
		r->tenant = c->tenant;
		sim_guid_copy(r->app_id, g->app_id);
		r->openid = g->openid;
		r->user = g->user;
		r->used_ms = c->now_ms;
		sim_map_put(&c->sim->refreshes, r->text, r);
		json_object_set_new(answer, "refresh_token", json_string(r->text));
	}
	if (g->openid) {
		char *jwt = id_token(c, g->app_id, g->user);

		json_object_set_new(answer, "id_token", json_string(jwt));
		free(jwt);
	}
	if (form_get(f, "client_info") != NULL)
		add_client_info(answer, c->tenant, g->user);
	json_object_set_new(answer, "scope", json_string(form_get(f, "scope") == NULL ? "" : form_get(f, "scope")));
	call_answer(c, 200, answer);
}

/* Of a person whose sign-in is good in itself. */
static int
check_person(const struct call *c, const struct user *user)
{
	if (c->tenant->consent == CONSENT_WITHDRAWN)
		return 65001;
	return user->disabled || user->deleted ? 50057 : 0;
}

static int
check_device(struct call *c, struct device *d, const char *client_id)
{
	char id[GUID_SIZE];
	bool early;

	if (d == NULL || d->decision == DECISION_USED || d->tenant != c->tenant || !sim_guid_copy(id, client_id) ||
	    strcmp(id, d->app_id) != 0)
		return 70018;
	if (c->now_ms >= d->expires_ms)
		return 70019;
	early = d->polled_ms != 0 && c->now_ms - d->polled_ms < d->interval_s * 1000;
	d->polled_ms = c->now_ms;
	if (early) {
		d->interval_s += 5;
		call_note(c, JOURNAL_TOO_EARLY, "a device code was polled before its interval was over");
		return SIM_SLOW_DOWN;
	}
	switch (d->decision) {
	case DECISION_DECLINED: return SIM_DECLINED;
	case DECISION_GRANTED: return check_person(c, d->user);
	case DECISION_NONE:
	case DECISION_USED: break;
	}
	return 70016;
}

void
sim_delegated_grant_device(struct call *c, const struct form *f, const char *tenant)
{
	const char *code = form_get(f, "device_code"), *client = form_get(f, "client_id");
	struct device *d = code == NULL ? NULL : sim_map_get(&c->sim->devices, code);
	int refused = check_common(c, f);

	if (refused == 0)
		refused = sim_token_check_app(c, f, tenant, true);
	if (refused == 0)
		refused = check_device(c, d, client);
	if (refused != 0) {
		sim_token_refuse(c, refused);
		return;
	}
	d->decision = DECISION_USED;
	grant_tokens(c, f, &(struct grant){ d->app_id, d->user, d->openid, d->offline });
}

static int
check_refresh(const struct call *c, const struct refresh *r, const char *client_id)
{
	char id[GUID_SIZE];

	if (r == NULL || r->tenant != c->tenant || !sim_guid_copy(id, client_id) || strcmp(id, r->app_id) != 0)
		return 70000;
	if (r->ended != 0)
		return r->ended;
	if (c->now_ms - r->used_ms >= c->sim->settings.refresh_idle_ms)
		return 700082;
	return check_person(c, r->user);
}

void
sim_delegated_grant_refresh(struct call *c, const struct form *f, const char *tenant)
{
	const char *text = form_get(f, "refresh_token");
	struct refresh *r = text == NULL ? NULL : sim_map_get(&c->sim->refreshes, text);
	int refused = check_common(c, f);

	if (refused == 0)
		refused = sim_token_check_app(c, f, tenant, true);
	if (refused == 0)
		refused = check_refresh(c, r, form_get(f, "client_id"));
	if (refused != 0) {
		sim_token_refuse(c, refused);
		return;
	}
	r->used_ms = c->now_ms;
	grant_tokens(c, f, &(struct grant){ r->app_id, r->user, r->openid, true });
}

size_t
sim_delegated_end(struct sim *sim, const struct tenant *tenant, int number)
{
	struct refresh *r;
	size_t at = 0, n = 0;

	while ((r = sim_map_next(&sim->refreshes, &at)) != NULL)
		if (r->tenant == tenant) {
			r->ended = number;
			n++;
		}
	return n;
}

void
sim_delegated_done(struct sim *sim)
{
	struct device *d;
	struct refresh *r;
	size_t at = 0;

	while ((d = sim_map_next(&sim->devices, &at)) != NULL) {
		free(d->code);
		free(d);
	}
	sim_map_done(&sim->devices);
	at = 0;
	while ((r = sim_map_next(&sim->refreshes, &at)) != NULL) {
		free(r->text);
		free(r);
	}
	sim_map_done(&sim->refreshes);
}
