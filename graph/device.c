#include "graph/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/graph.h"
#include "graph/login.h"
#include "graph/token.h"
#include "net/http_client.h"

#define BODY_MAX     (GRAPH_DEVICE_CODE_SIZE * 3 + 32768)
#define SLOW_DOWN_S  5 /* RFC 8628, 3.5 */
#define ASK_TRIES    3
#define ASK_AGAIN_MS 2000
#define LIFE_MIN_S   30

/* --- pure --- */

static bool
shown_copy(const json_t *json, const char *key, char *ret, size_t ret_size)
{
	const char *s = jx_get_str(json, key);

	if (s == NULL || *s == '\0' || !str_copy(ret, ret_size, s))
		return false;
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static int64_t
within(int64_t value, int64_t least, int64_t greatest)
{
	return value < least ? least : value > greatest ? greatest : value;
}

bool
graph_device_code_read(const json_t *json, struct graph_device_code *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!shown_copy(json, "device_code", ret->device_code, sizeof(ret->device_code)) ||
	    !shown_copy(json, "user_code", ret->user_code, sizeof(ret->user_code)) ||
	    !shown_copy(json, "verification_uri", ret->verification_uri, sizeof(ret->verification_uri)) ||
	    !str_starts(ret->verification_uri, "https://"))
		return false;
	ret->life_s = within(jx_get_int(json, "expires_in", 900), LIFE_MIN_S, GRAPH_DEVICE_LIFE_MAX_S);
	ret->interval_s = within(jx_get_int(json, "interval", GRAPH_DEVICE_INTERVAL_S), 1, GRAPH_DEVICE_INTERVAL_MAX_S);
	return true;
}

static bool
has_number(const json_t *json, int64_t number)
{
	json_t *n;
	size_t i;

	json_array_foreach(jx_get_array(json, "error_codes"), i, n) if (json_integer_value(n) == number) return true;
	return false;
}

enum graph_device_step
graph_device_judge(enum err transport, int status, const json_t *json)
{
	const char *word = jx_get_str(json, "error");

	if (transport != ERR_OK || status == 429 || status >= 500)
		return GRAPH_DEVICE_SLOWER;
	if (status == 200)
		return GRAPH_DEVICE_SIGNED_IN;
	if (word != NULL && strcmp(word, "authorization_pending") == 0)
		return GRAPH_DEVICE_GO_ON;
	if (word != NULL && (strcmp(word, "slow_down") == 0 || strcmp(word, "temporarily_unavailable") == 0))
		return GRAPH_DEVICE_SLOWER;
	if (has_number(json, GRAPH_PROOF_MISSING) || has_number(json, GRAPH_PROOF_UNWANTED))
		return GRAPH_DEVICE_TURN_PROOF;
	return GRAPH_DEVICE_OVER;
}

/* --- doing --- */

struct graph_device {
	struct graph *graph;
	struct clock *clock;
	struct guid directory;
	void (*done)(void *arg, const struct graph_device_result *result);
	void *arg;
	enum graph_device_state state;
	struct http_call *call;
	struct timer *timer; /* of the next request */
	unsigned asked;
	bool proof, proof_turned;
	struct graph_device_code code;
	int64_t interval_s, expires_boot_ms;
	char detail[DETAIL_SIZE];
};

void
graph_device_free(struct graph_device *d)
{
	if (d == NULL)
		return;
	http_cancel(graph_tokens_transport(graph_tokens(d->graph)), d->call);
	timer_free(d->timer);
	secret_wipe(d, sizeof(*d));
	free(d);
}

/* May free d. */
static void
end(struct graph_device *d, enum graph_device_state state, const struct graph_device_result *result)
{
	d->state = state;
	secret_wipe(&d->code, sizeof(d->code));
	log_put(state == GRAPH_DEVICE_DONE ? LOG_INFO : LOG_WARN, "device_sign_in_ended", LP("tenant", d->directory.s),
	    LS("detail", state == GRAPH_DEVICE_DONE ? "signed in" : d->detail));
	d->done(d->arg, result);
}

static void
fail(struct graph_device *d, const char *detail)
{
	static const struct graph_device_result nothing = { .refresh = NULL };

	(void)str_copy(d->detail, sizeof(d->detail), detail);
	end(d, GRAPH_DEVICE_FAILED, &nothing);
}

static void
fail_by(struct graph_device *d, const struct http_answer *answer, const json_t *json)
{
	struct graph_login_verdict v;

	graph_login_judge(answer->err, answer->status, json, true, &v);
	fail(d, v.err == ERR_OK ? "The sign-in was answered without what is needed. Check login_url." : v.detail);
}

/* --- polling --- */

/* Who it was, by the token that came from the service itself: RFC 8628 and OpenID Connect Core 3.1.3.7 let TLS vouch for it. */
static bool
read_account(struct graph_device *d, const char *id_token, struct graph_device_result *ret)
{
	json_t *claims = graph_login_claims(id_token);
	const char *directory = jx_get_str(claims, "tid"), *name = jx_get_str(claims, "preferred_username");
	const char *id = jx_get_str(claims, "oid");
	bool ours = directory == NULL || str_equal_nocase(directory, d->directory.s);

	if (name != NULL)
		(void)str_copy(ret->account, sizeof(ret->account), name);
	if (id != NULL)
		(void)guid_parse(id, &ret->object_id);
	json_decref(claims);
	return ours;
}

/* May free d. */
static void
sign_in(struct graph_device *d, const struct http_answer *answer, const json_t *json)
{
	struct graph_login_verdict v;
	struct graph_device_result result = { .refresh = NULL };

	graph_login_judge(answer->err, answer->status, json, true, &v);
	if (v.err != ERR_OK) {
		fail(d, v.detail);
	} else if (v.refresh == NULL) {
		fail(d, "The sign-in brought no refresh token. Grant the app the delegated permission offline_access.");
	} else if (!read_account(d, v.id_token, &result)) {
		fail(d, "The account belongs to another directory. Sign in with an account of this tenant.");
	} else {
		result.refresh = v.refresh;
		end(d, GRAPH_DEVICE_DONE, &result);
	}
}

static void
poll_later(struct graph_device *d)
{
	timer_arm(d->timer, d->interval_s * 1000);
}

static void
slower(struct graph_device *d, const struct http_answer *answer)
{
	d->interval_s = answer->status == 400 ? d->interval_s + SLOW_DOWN_S : d->interval_s * 2;
	if (d->interval_s > GRAPH_DEVICE_INTERVAL_MAX_S)
		d->interval_s = GRAPH_DEVICE_INTERVAL_MAX_S;
	poll_later(d);
}

static void
turn_proof(struct graph_device *d, const struct http_answer *answer, const json_t *json)
{
	if (d->proof_turned) {
		fail_by(d, answer, json);
		return;
	}
	d->proof_turned = true;
	d->proof = !d->proof;
	poll_later(d);
}

static void
on_polled(void *arg, const struct http_answer *answer)
{
	struct graph_device *d = arg;
	json_t *json = NULL;

	d->call = NULL;
	if (answer->err == ERR_OK)
		(void)jx_parse(answer->body, answer->body_len, &json, NULL, 0);
	switch (graph_device_judge(answer->err, answer->status, json)) {
	case GRAPH_DEVICE_GO_ON: poll_later(d); break;
	case GRAPH_DEVICE_SLOWER: slower(d, answer); break;
	case GRAPH_DEVICE_SIGNED_IN: sign_in(d, answer, json); break;
	case GRAPH_DEVICE_TURN_PROOF: turn_proof(d, answer, json); break;
	case GRAPH_DEVICE_OVER: fail_by(d, answer, json); break;
	}
	json_decref(json);
}

/* --- asking --- */

static void
take_code(struct graph_device *d)
{
	d->state = GRAPH_DEVICE_WAITING;
	d->interval_s = d->code.interval_s;
	d->expires_boot_ms = clock_boot_ms(d->clock) + d->code.life_s * 1000;
	poll_later(d);
}

static void
on_asked(void *arg, const struct http_answer *answer)
{
	struct graph_device *d = arg;
	struct graph_login_verdict v;
	json_t *json = NULL;

	d->call = NULL;
	if (answer->err == ERR_OK)
		(void)jx_parse(answer->body, answer->body_len, &json, NULL, 0);
	graph_login_judge(answer->err, answer->status, json, true, &v);
	if (answer->status == 200 && graph_device_code_read(json, &d->code))
		take_code(d);
	else if (v.passing && d->asked < ASK_TRIES)
		timer_arm(d->timer, ASK_AGAIN_MS);
	else
		fail_by(d, answer, json);
	json_decref(json);
}

static void
on_timer(void *arg)
{
	struct graph_device *d = arg;
	struct graph_tokens *ts = graph_tokens(d->graph);
	bool waiting = d->state == GRAPH_DEVICE_WAITING;
	struct text body;

	if (waiting && clock_boot_ms(d->clock) >= d->expires_boot_ms) {
		fail(d, "Nobody entered the code in time. Begin again: ergsyncctl tenant sign-in.");
		return;
	}
	text_init(&body, BODY_MAX);
	if (waiting)
		graph_login_body_poll(&body, graph_tokens_client_id(ts), d->code.device_code);
	else
		graph_login_body_device(&body, graph_tokens_client_id(ts), graph_base_url(d->graph));
	d->asked += !waiting;
	d->call = graph_tokens_post(
	    ts, &d->directory, waiting ? "token" : "devicecode", &body, waiting && d->proof, waiting ? on_polled : on_asked, d);
	if (d->call == NULL)
		timer_arm(d->timer, ASK_AGAIN_MS); /* out of memory */
}

struct graph_device *
graph_device_start(struct graph *g, struct clock *clock, const struct guid *directory,
    void (*done)(void *arg, const struct graph_device_result *result), void *arg)
{
	struct graph_device *d = calloc(1, sizeof(*d));

	if (d == NULL || (d->timer = timer_new(clock, on_timer, d)) == NULL) {
		free(d);
		return NULL;
	}
	d->graph = g;
	d->clock = clock;
	d->directory = *directory;
	d->done = done;
	d->arg = arg;
	d->state = GRAPH_DEVICE_ASKING;
	timer_arm(d->timer, 0);
	return d;
}

void
graph_device_show(const struct graph_device *d, struct graph_device_view *ret)
{
	*ret = (struct graph_device_view){ .state = d->state,
		.user_code = d->code.user_code,
		.verification_uri = d->code.verification_uri,
		.expires_boot_ms = d->expires_boot_ms,
		.detail = d->detail };
}
