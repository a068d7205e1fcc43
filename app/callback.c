/* callback.c - events are written by hand into compact JSON with a fixed order of members: a repeat is byte-identical. */
#include "app/callback.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/view.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "model/event_json.h"

#define SECRET_PREFIX "whsec_"
#define SECRET_MIN    24
#define SECRET_MAX    64
#define SOURCE        "/ergsync"

/* ---------- the body ---------- */

static int
set_envelope(json_t *o, const struct callback_event *event)
{
	char source[sizeof(SOURCE) + APP_ID_SIZE], time[TIMESTAMP_SIZE];
	bool tenant = event->tenant != NULL && event->tenant[0] != '\0';
	int bad = 0;

	snprintf(source, sizeof(source), SOURCE "%s%s", tenant ? "/" : "", tenant ? event->tenant : "");
	timestamp_format(event->time_wall_ms, time);
	bad |= json_object_set_new(o, "specversion", json_string("1.0"));
	bad |= json_object_set_new(o, "id", json_string(event->id));
	bad |= json_object_set_new(o, "source", json_string(source));
	bad |= json_object_set_new(o, "type", json_string(change_type_name(event->type)));
	bad |= json_object_set_new(o, "subject", json_string(event->subject));
	bad |= json_object_set_new(o, "time", json_string(time));
	bad |= json_object_set_new(o, "datacontenttype", json_string("application/json"));
	return bad;
}

enum err
callback_body(const struct callback_event *event, json_t *data, char *ret, size_t ret_size)
{
	json_t *o = json_object();
	enum err e = ERR_NOMEM;
	size_t len;

	if (data != NULL && o != NULL && set_envelope(o, event) == 0 && json_object_set(o, "data", data) == 0) {
		/* Says how much it needs, and writes no more than there is room for. */
		len = json_dumpb(o, ret, ret_size, JSON_COMPACT);
		e = len == 0 ? ERR_NOMEM : len < ret_size ? ERR_OK : ERR_TOOBIG;
		if (e == ERR_OK)
			ret[len] = '\0';
	}
	json_decref(o);
	json_decref(data);
	return e;
}

json_t *
callback_data_member(const char *erg, const struct person *person, enum role role)
{
	json_t *o = json_object();
	int bad = o == NULL;

	bad |= json_object_set_new(o, "erg", view_text(erg));
	bad |= json_object_set_new(o, "user", view_text(person->user.s));
	bad |= json_object_set_new(o, "entra_id", view_text(person->entra_id.s));
	bad |= json_object_set_new(o, "email", view_text(person->email));
	bad |= json_object_set_new(o, "name", view_text(person->name));
	bad |= jx_set_str(o, "role", role_names[role <= ROLE_GUEST ? role : ROLE_MEMBER]);
	return view_checked(o, bad);
}

json_t *
callback_data_member_trouble(const char *erg, const struct person *person, const char *detail)
{
	json_t *o = json_object();
	int bad = o == NULL;

	bad |= json_object_set_new(o, "erg", view_text(erg));
	bad |= json_object_set_new(o, "user", view_text(person->user.s));
	bad |= json_object_set_new(o, "email", view_text(person->email));
	bad |= json_object_set_new(o, "detail", view_text(detail));
	return view_checked(o, bad);
}

/* Room for the envelope and everything in a meeting's event that is not a field of it. */
#define MEETING_ROOM (CHANGE_BODY_MAX - 5120)

/* The longest of the fields, out of o and into the list of what was left out. False: there is none. */
static bool
omit_longest(json_t *o, json_t *omitted)
{
	static const char *const may_go[] = { "body_html", "attendees", "occurrences" };
	const char *longest = NULL;
	size_t most = 0;

	for (size_t i = 0; i < sizeof(may_go) / sizeof(may_go[0]); i++) {
		const json_t *value = json_object_get(o, may_go[i]);
		size_t len = value == NULL ? 0 : json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);

		if (len > most) {
			most = len;
			longest = may_go[i];
		}
	}
	return longest != NULL && json_object_del(o, longest) == 0 && json_array_append_new(omitted, json_string(longest)) == 0;
}

/* The fields in an object of their own, so that they can be measured. */
static json_t *
meeting_fields(const struct event_fields *fields, unsigned mask, json_t *omitted)
{
	json_t *o = json_object();
	int bad = o == NULL;

	if (mask != 0)
		bad |= event_fields_write(fields, (mask & ~EVENT_MASK(CANCELLED)) | EVENT_MASK_RESPONSES, o);
	while (bad == 0 && json_dumpb(o, NULL, 0, JSON_COMPACT) > MEETING_ROOM && omit_longest(o, omitted))
		continue;
	return view_checked(o, bad);
}

json_t *
callback_data_meeting(const struct event *event, const struct event_fields *fields, unsigned mask, const char *detail)
{
	json_t *o = json_object(), *omitted = json_array();
	json_t *changed = omitted == NULL ? NULL : meeting_fields(fields, mask, omitted);
	int bad = o == NULL || changed == NULL;

	bad |= json_object_set_new(o, "erg", view_text(event->erg.s));
	bad |= json_object_set_new(o, "event", view_text(event->id.s));
	bad |= json_object_set_new(o, "join_url", view_text(event->join_url));
	bad |= json_object_update(o, changed);
	if (json_array_size(omitted) > 0)
		bad |= json_object_set(o, "omitted", omitted);
	if (json_array_size(omitted) > 0 && detail[0] == '\0')
		detail = "What is too long for a callback is left out; GET the event for it.";
	bad |= json_object_set_new(o, "detail", view_text(detail));
	bad |= json_object_set_new(o, "responses", view_responses(&event->responses));
	json_decref(changed);
	json_decref(omitted);
	return view_checked(o, bad);
}

json_t *
callback_data_erg(const char *erg, const char *detail)
{
	json_t *o = json_object();
	int bad = o == NULL;

	bad |= json_object_set_new(o, "erg", view_text(erg));
	bad |= json_object_set_new(o, "detail", view_text(detail));
	return view_checked(o, bad);
}

json_t *
callback_data_plan(const char *erg, const char *detail, const char *hash, int64_t removals)
{
	json_t *o = callback_data_erg(erg, detail);
	int bad = o == NULL;

	bad |= json_object_set_new(o, "hash", view_text(hash));
	bad |= json_object_set_new(o, "removals", json_integer(removals));
	return view_checked(o, bad);
}

json_t *
callback_data_tenant(const struct tenant_view *tenant)
{
	return view_tenant(tenant);
}

/* For everything in a resync's event but its errors. */
#define RESYNC_ROOM (CHANGE_BODY_MAX - 4096)

json_t *
callback_data_resync(const struct resync *resync)
{
	json_t *o = view_resync(resync);
	json_t *errors = jx_get_array(o, "errors");

	while (json_array_size(errors) > 0 && json_dumpb(errors, NULL, 0, JSON_COMPACT) > RESYNC_ROOM)
		json_array_remove(errors, json_array_size(errors) - 1);
	return o;
}

/* ---------- the signature ---------- */

static enum err
secret_decode(const char *secret, uint8_t ret[SECRET_MAX + 3], size_t *ret_len)
{
	size_t len;

	if (!str_starts(secret, SECRET_PREFIX))
		return ERR_INVALID;
	secret += sizeof(SECRET_PREFIX) - 1;
	len = strnlen(secret, BASE64_LEN(SECRET_MAX) + 1);
	if (len > BASE64_LEN(SECRET_MAX) || base64_decode(secret, len, ret, ret_len) != ERR_OK)
		return ERR_INVALID;
	return *ret_len >= SECRET_MIN && *ret_len <= SECRET_MAX ? ERR_OK : ERR_INVALID;
}

enum err
callback_secret_check(const char *secret, char *why, size_t why_size)
{
	uint8_t key[SECRET_MAX + 3];
	size_t len;
	enum err e = secret_decode(secret, key, &len);

	if (e != ERR_OK && why != NULL)
		snprintf(why, why_size, "a callback secret is \"" SECRET_PREFIX "\" and base64 of %d to %d random bytes",
		    SECRET_MIN, SECRET_MAX);
	secret_wipe(key, sizeof(key));
	return e;
}

enum err
callback_sign(const char *secret, const char *id, int64_t timestamp_unix_s, const char *body, size_t body_len,
    char ret[CALLBACK_SIGNATURE_SIZE])
{
	uint8_t key[SECRET_MAX + 3], digest[HASH_LEN];
	char head[CHANGE_ID_SIZE + 32];
	size_t key_len;
	int head_len = snprintf(head, sizeof(head), "%s.%" PRId64 ".", id, timestamp_unix_s);
	const struct span parts[] = { { head, (size_t)head_len }, { body, body_len } };

	if (head_len < 0 || (size_t)head_len >= sizeof(head) || secret_decode(secret, key, &key_len) != ERR_OK)
		return ERR_INVALID;
	hmac_sha256(key, key_len, parts, 2, digest);
	secret_wipe(key, sizeof(key));
	snprintf(ret, CALLBACK_SIGNATURE_SIZE, "v1,");
	base64_encode(digest, sizeof(digest), ret + 3);
	return ERR_OK;
}

/* ---------- the delivery ---------- */

struct http_call *
callback_send(struct http_transport *transport, const struct callback_delivery *delivery, http_done done, void *arg)
{
	char id[sizeof("webhook-id: ") + CHANGE_ID_SIZE];
	char timestamp[sizeof("webhook-timestamp: ") + 24];
	char signature[CALLBACK_SIGNATURE_SIZE], signature_line[sizeof("webhook-signature: ") + CALLBACK_SIGNATURE_SIZE];
	int64_t now_s = delivery->now_wall_ms / 1000;
	const char *const headers[] = { "Content-Type: application/cloudevents+json; charset=utf-8", "Accept: application/json",
		id, timestamp, signature_line, NULL };
	const struct http_request request = {
		.method = "POST",
		.url = delivery->url,
		.headers = headers,
		.body = delivery->body,
		.body_len = delivery->body_len,
		.timeout_ms = CALLBACK_TIMEOUT_MS,
		.answer_max_bytes = CALLBACK_ANSWER_MAX_BYTES,
	};

	if (callback_sign(delivery->secret, delivery->id, now_s, delivery->body, delivery->body_len, signature) != ERR_OK)
		return NULL;
	snprintf(id, sizeof(id), "webhook-id: %s", delivery->id);
	snprintf(timestamp, sizeof(timestamp), "webhook-timestamp: %" PRId64, now_s);
	snprintf(signature_line, sizeof(signature_line), "webhook-signature: %s", signature);
	return http_start(transport, &request, done, arg);
}

static const int refusals[] = { 400, 404, 409, 410, 422 };

static enum callback_act
act_of_status(int status)
{
	if (status >= 200 && status < 300)
		return CALLBACK_APPLIED;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (status == refusals[i])
			return CALLBACK_REFUSED;
	return CALLBACK_AGAIN;
}

/* Doubles from the least to the most; half of it is chance, so that a crowd does not come back in step. */
static int64_t
backoff_ms(int64_t attempts, struct rng *rng)
{
	int64_t most = CALLBACK_BACKOFF_MAX_MS;
	int64_t wait = attempts < 16 ? (int64_t)(2 * CALLBACK_BACKOFF_MIN_MS) << (attempts > 0 ? attempts : 0) : most;

	if (wait > most)
		wait = most;
	return wait / 2 + (int64_t)rng_below(rng, (uint64_t)(wait / 2) + 1);
}

static int64_t
again_wait_ms(const struct http_answer *answer, int64_t attempts, int64_t wall_ms, struct rng *rng)
{
	int64_t wait = backoff_ms(attempts, rng);
	int64_t asked = answer->status != 0 ? http_answer_retry_after_ms(answer, wall_ms) : -1;

	if (asked > CALLBACK_RETRY_AFTER_MAX_MS)
		asked = CALLBACK_RETRY_AFTER_MAX_MS;
	/* "Now" would make a busy loop of us; and who asks for a minute gets it, with a little of our own jitter on top. */
	if (asked < 0)
		return wait;
	return asked + (asked < CALLBACK_BACKOFF_MIN_MS ? wait : (int64_t)rng_below(rng, CALLBACK_BACKOFF_MIN_MS));
}

/* The answer's own words, where it is a JSON object that has some. */
static void
answer_detail(const struct http_answer *answer, const json_t *body, char *ret, size_t ret_size)
{
	const char *words = jx_get_str(body, "detail");

	if (words == NULL)
		words = jx_get_str(body, "title");
	if (answer->status == 0)
		snprintf(ret, ret_size, "The app did not answer: %s.",
		    answer->detail != NULL && answer->detail[0] != '\0' ? answer->detail : err_text(answer->err));
	else
		snprintf(ret, ret_size, "The app answered %d%s%s", answer->status, words != NULL ? ": " : ".",
		    words != NULL ? words : "");
}

static void
read_user(const json_t *body, enum change_type type, struct user_id *ret)
{
	const char *user = jx_get_str(body, "user");

	if (type == CHANGE_MEMBER_ADDED && user != NULL)
		user_id_parse(user, ret);
}

struct callback_verdict
callback_judge(const struct http_answer *answer, enum change_type type, int64_t attempts, int64_t wall_ms, struct rng *rng)
{
	struct callback_verdict v = { .act = CALLBACK_AGAIN };
	json_t *body = NULL;

	/* An answer that broke off may have named the user: ask again. One that is too large would be so for ever: its status counts. */
	if (answer->err == ERR_OK || answer->err == ERR_TOOBIG)
		v.status = answer->status;
	if (answer->err == ERR_OK && answer->body_len > 0)
		(void)jx_parse(answer->body, answer->body_len, &body, NULL, 0);
	v.act = act_of_status(v.status);
	if (v.act == CALLBACK_APPLIED)
		read_user(body, type, &v.user);
	else
		answer_detail(answer, body, v.detail, sizeof(v.detail));
	if (v.act == CALLBACK_AGAIN)
		v.wait_ms = again_wait_ms(answer, attempts, wall_ms, rng);
	json_decref(body);
	return v;
}
