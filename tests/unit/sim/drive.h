/*
 * drive.h - a simulator with a manual clock, a signed-in client and an endpoint, for the tests of sim/.
 */
#ifndef TEST_SIM_DRIVE_H
#define TEST_SIM_DRIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "sim/sim.h"

#define UNUSED_OK __attribute__((unused))

#define START_MS  ((int64_t)1795000000000)
#define TENANT    "10000000-0000-4000-8000-000000000001"
#define OTHER     "10000000-0000-4000-8000-000000000002"
#define TEAM      "20000000-0000-4000-8000-000000000001"
#define CHANNEL   "19:private@thread.tacv2"
#define OPEN      "19:shared@thread.tacv2"
#define ADA       "30000000-0000-4000-8000-000000000001"
#define BEN       "30000000-0000-4000-8000-000000000002"
#define CAT       "30000000-0000-4000-8000-000000000003"
#define DAN       "30000000-0000-4000-8000-000000000004"
#define GUEST     "30000000-0000-4000-8000-000000000005"
#define FOREIGNER "30000000-0000-4000-8000-000000000006"
#define HOOK      "https://hook.example/n"
#define LIFE      "https://hook.example/l"
#define POSTS_MAX 4096

/* Ada owns the team, Ben is in it; the private channel has Ada, the shared one nobody. */
#define WORLD                                                                                                                    \
	"{\"tenants\":[{\"id\":\"" OTHER "\",\"domain\":\"other.example\",\"users\":[{\"id\":\"" FOREIGNER                       \
	"\",\"upn\":\"fay@other.example\"}]},"                                                                                   \
	"{\"id\":\"" TENANT "\",\"domain\":\"acme.example\",\"users\":["                                                         \
	"{\"id\":\"" ADA "\",\"upn\":\"ada@acme.example\",\"mail\":\"Ada@acme.example\"},{\"id\":\"" BEN                         \
	"\",\"upn\":\"ben@acme.example\"},"                                                                                      \
	"{\"id\":\"" CAT "\",\"upn\":\"cat@acme.example\"},{\"id\":\"" DAN "\",\"upn\":\"dan@acme.example\"},"                   \
	"{\"id\":\"" GUEST "\",\"upn\":\"guest@acme.example\",\"guest\":true}],"                                                 \
	"\"teams\":[{\"id\":\"" TEAM "\",\"name\":\"Pride\",\"owners\":[\"" ADA "\"],\"members\":[\"" BEN "\"],\"channels\":["   \
	"{\"id\":\"" CHANNEL "\",\"name\":\"Inner\",\"type\":\"private\",\"owners\":[\"" ADA "\"]},"                             \
	"{\"id\":\"" OPEN "\",\"name\":\"Open\",\"type\":\"shared\"}]}]}],\"settings\":{\"strict\":false}}"

struct posted {
	uint64_t id;
	int64_t at_ms;
	char url[512];
	json_t *body; /* NULL for a validation */
};

struct drive {
	struct clock *clock;
	struct sim *sim;
	char *token;
	/* What the endpoint does: 0 = no answer. */
	int validate_status, post_status;
	bool wrong_echo;
	const char *prefer, *if_match; /* headers of every request; NULL: without */
	struct posted posts[POSTS_MAX];
	size_t post_count, validations;
	/* The last answer. */
	bool answered;
	enum sim_fate fate;
	int status;
	char headers[2048];
	char *text;
	json_t *json;
};

static UNUSED_OK void
drive_validate(struct drive *d, const struct sim_delivery *p)
{
	const char *at = strstr(p->url, "validationToken=");
	char token[256];
	size_t len;

	d->validations++;
	if (d->validate_status == 0)
		return;
	assert_non_null(at);
	at += strlen("validationToken=");
	assert_int_equal(percent_decode(at, strlen(at), 1, token, &len), ERR_OK);
	if (d->wrong_echo)
		token[0] = 'x';
	sim_delivered(d->sim, p->id, d->validate_status, "text/plain; charset=utf-8", token, len);
}

static UNUSED_OK void
drive_deliver(void *arg, struct sim *sim, const struct sim_delivery *p)
{
	struct drive *d = arg;
	struct posted *kept;

	if (strstr(p->url, "validationToken=") != NULL) {
		drive_validate(d, p);
		return;
	}
	assert_true(d->post_count < POSTS_MAX);
	kept = &d->posts[d->post_count++];
	kept->id = p->id;
	kept->at_ms = clock_boot_ms(d->clock);
	assert_true(str_copy(kept->url, sizeof(kept->url), p->url));
	assert_int_equal(jx_parse(p->body, p->body_len, &kept->body, NULL, 0), ERR_OK);
	if (d->post_status != 0)
		sim_delivered(sim, p->id, d->post_status, NULL, "", 0);
}

static UNUSED_OK void
drive_forget_posts(struct drive *d)
{
	for (size_t i = 0; i < d->post_count; i++)
		json_decref(d->posts[i].body);
	d->post_count = 0;
}

/* The i-th item of all that was posted; NULL when there are fewer. */
static UNUSED_OK const json_t *
drive_item(const struct drive *d, size_t i)
{
	for (size_t p = 0; p < d->post_count; p++) {
		const json_t *value = jx_get_array(d->posts[p].body, "value");

		if (i < json_array_size(value))
			return json_array_get(value, i);
		i -= json_array_size(value);
	}
	return NULL;
}

static UNUSED_OK size_t
drive_items(const struct drive *d)
{
	size_t n = 0;

	while (drive_item(d, n) != NULL)
		n++;
	return n;
}

static UNUSED_OK void
drive_forget_answer(struct drive *d)
{
	json_decref(d->json);
	free(d->text);
	d->json = NULL;
	d->text = NULL;
	d->answered = false;
	d->status = 0;
}

static UNUSED_OK void
drive_keep(void *arg, const struct sim_answer *a)
{
	struct drive *d = arg;
	size_t at = 0;

	drive_forget_answer(d);
	d->answered = true;
	d->fate = a->fate;
	d->status = a->status;
	d->headers[0] = '\0';
	for (const char *const *h = a->headers; *h != NULL; h++)
		at += (size_t)snprintf(d->headers + at, sizeof(d->headers) - at, "%s\n", *h);
	if (a->body != NULL) {
		d->text = strndup(a->body, a->body_len);
		jx_parse(a->body, a->body_len, &d->json, NULL, 0);
	}
}

static UNUSED_OK const char *
drive_header(void *arg, const char *name)
{
	static char value[4096];
	const struct drive *d = arg;

	if (str_equal_nocase(name, "Authorization") && d->token != NULL) {
		snprintf(value, sizeof(value), "Bearer %s", d->token);
		return value;
	}
	if (str_equal_nocase(name, "Prefer"))
		return d->prefer;
	if (str_equal_nocase(name, "If-Match"))
		return d->if_match;
	return str_equal_nocase(name, "client-request-id") ? "c1d2" : NULL;
}

/* Sends; the answer is there at once unless it needs the clock. */
static UNUSED_OK int
drive_send(struct drive *d, const char *method, const char *target, const char *body)
{
	char path[32768];
	char *query;
	struct sim_request r = { .method = method,
		.path = path,
		.query = "",
		.body = body,
		.body_len = body == NULL ? 0 : strlen(body),
		.header = drive_header,
		.header_arg = d };

	assert_true(str_copy(path, sizeof(path), target));
	query = strchr(path, '?');
	if (query != NULL) {
		*query = '\0';
		r.query = query + 1;
	}
	drive_forget_answer(d);
	sim_handle(d->sim, &r, drive_keep, d);
	return d->status;
}

/* Sends and lets the clock run until the answer is there, 100 s at most. Relative targets get /v1.0 before them. */
static UNUSED_OK int
drive_graph(struct drive *d, const char *method, const char *target, const char *body)
{
	char full[32768];

	if (str_starts(target, "https://graph.test/"))
		snprintf(full, sizeof(full), "%s", target + strlen("https://graph.test"));
	else
		snprintf(full, sizeof(full), "/v1.0%s", target);
	drive_send(d, method, full, body);
	for (int64_t due; !d->answered && clock_manual_next(d->clock, &due) && due - clock_boot_ms(d->clock) <= 100000;)
		clock_manual_advance(d->clock, due - clock_boot_ms(d->clock));
	assert_true(d->answered);
	return d->status;
}

static UNUSED_OK const char *
drive_code(const struct drive *d)
{
	const char *code = json_string_value(jx_path(d->json, "error", "code", NULL));

	return code == NULL ? "" : code;
}

/* The control API: anything but success fails the test. */
static UNUSED_OK void
drive_control(struct drive *d, const char *method, const char *target, const char *body)
{
	char full[512];

	snprintf(full, sizeof(full), "/_sim/%s", target);
	drive_send(d, method, full, body);
	if (d->status < 200 || d->status > 299)
		fail_msg("%s %s: %s", method, full, d->text);
}

static UNUSED_OK void
drive_sign_in(struct drive *d, const char *tenant)
{
	char path[128];

	snprintf(path, sizeof(path), "/%s/oauth2/v2.0/token", tenant);
	drive_send(d, "POST", path,
	    "client_id=00000000-0000-4000-8000-0000000000aa&client_secret=s&grant_type=client_credentials&scope=https%3A%2F%"
	    "2Fgraph.microsoft.com%2F.default");
	assert_int_equal(d->status, 200);
	free(d->token);
	d->token = strdup(jx_get_str(d->json, "access_token"));
}

static UNUSED_OK void
drive_start(struct drive *d)
{
	const char *seed = getenv("ERGSYNC_TEST_SEED");
	struct sim_options o = { .base_url = "https://graph.test", .seed = 1, .deliver = drive_deliver, .deliver_arg = d };

	memset(d, 0, sizeof(*d));
	if (seed != NULL)
		assert_int_equal(parse_u64(seed, &o.seed), ERR_OK);
	d->validate_status = 200;
	d->post_status = 202;
	d->clock = clock_new_manual(START_MS);
	d->sim = sim_new(d->clock, &o);
	drive_control(d, "POST", "world", WORLD);
	drive_sign_in(d, TENANT);
}

static UNUSED_OK void
drive_stop(struct drive *d)
{
	drive_forget_posts(d);
	sim_free(d->sim);
	drive_forget_answer(d);
	free(d->token);
	clock_free(d->clock);
}

static UNUSED_OK void
drive_wait(struct drive *d, int64_t ms)
{
	clock_manual_advance(d->clock, ms);
}

/* The number of one kind in the journal. */
static UNUSED_OK int64_t
drive_noted(struct drive *d, const char *kind)
{
	drive_control(d, "GET", "journal", NULL);
	return jx_get_int(jx_get_object(d->json, "counts"), kind, 0);
}

/* Users of a list answer in a fixed form: the last digit of each id, in order. */
static UNUSED_OK const char *
drive_users(const struct drive *d, const char *key)
{
	static char ret[64];
	const json_t *value = jx_get_array(d->json, "value");
	size_t n = 0;

	for (; n < json_array_size(value) && n + 1 < sizeof(ret); n++)
		ret[n] = jx_get_str(json_array_get(value, n), key)[35];
	ret[n] = '\0';
	return ret;
}

#define BIND(id)                                                                                                                 \
	"{\"@odata.type\":\"#microsoft.graph.aadUserConversationMember\",\"roles\":[],\"user@odata.bind\":\"https://"            \
	"graph.microsoft.com/v1.0/users('" id "')\"}"
#define BIND_OWNER(id)                                                                                                           \
	"{\"@odata.type\":\"#microsoft.graph.aadUserConversationMember\",\"roles\":[\"owner\"],\"user@odata.bind\":\"https://"   \
	"graph.microsoft.com/v1.0/users('" id "')\"}"
#define ROLE(role)     "{\"@odata.type\":\"#microsoft.graph.aadUserConversationMember\",\"roles\":[" role "]}"
#define CHANGE(op, id) "{\"op\":\"" op "\",\"team\":\"" TEAM "\",\"user\":\"" id "\"}"

/* The one most tests use, started and stopped around each of them. */
static UNUSED_OK struct drive d;

static UNUSED_OK int
drive_setup(void **state)
{
	(void)state;
	drive_start(&d);
	return 0;
}

static UNUSED_OK int
drive_teardown(void **state)
{
	(void)state;
	drive_stop(&d);
	return 0;
}

#endif
