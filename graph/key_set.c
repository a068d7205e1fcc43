#include "graph/key_set.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "net/http_client.h"

#define ANSWER_MAX (256u << 10)
#define TIMEOUT_MS 20000
#define URL_SIZE   512
#define KEYS_MAX   64

static const char *const paths[] = { "/common/discovery/v2.0/keys", "/common/discovery/keys" };
#define SOURCES (sizeof(paths) / sizeof(paths[0]))

struct key_set {
	struct http_transport *transport;
	struct clock *clock;
	char *login_url;
	struct timer *timer;
	struct http_call *call;
	size_t source;            /* the one being fetched */
	json_t *sources[SOURCES]; /* arrays of keys; NULL before the first */
	json_t *merged;
	int64_t fetched_boot_ms; /* when the last fetch began; -1 = never */
};

/* Keys of one source that the set does not have by id yet. */
static void
merge(json_t *into, const json_t *keys)
{
	const json_t *key, *other;
	size_t i, k;

	json_array_foreach((json_t *)keys, i, key)
	{
		const char *id = jx_get_str(key, "kid"), *other_id;
		bool known = id == NULL || json_array_size(into) >= KEYS_MAX;

		json_array_foreach(into, k, other)
		{
			other_id = jx_get_str(other, "kid");
			known = known || (other_id != NULL && strcmp(id, other_id) == 0);
		}
		if (!known)
			json_array_append(into, (json_t *)key);
	}
}

static void
rebuild(struct key_set *set)
{
	json_t *all = json_array(), *whole;

	for (size_t i = 0; i < SOURCES; i++)
		merge(all, set->sources[i]);
	if ((whole = json_pack("{s:o}", "keys", all)) == NULL)
		return;
	json_decref(set->merged);
	set->merged = whole;
}

static json_t *
keys_read(const struct http_answer *answer)
{
	json_t *json = NULL, *keys;
	char why[128];

	if (answer->err != ERR_OK || answer->status != 200 ||
	    jx_parse(answer->body, answer->body_len, &json, why, sizeof(why)) != ERR_OK)
		return NULL;
	keys = json_incref(jx_get_array(json, "keys"));
	json_decref(json);
	return keys;
}

static void fetch(struct key_set *set);

static void
on_answer(void *arg, const struct http_answer *answer)
{
	struct key_set *set = arg;
	json_t *keys = keys_read(answer);

	set->call = NULL;
	if (keys != NULL) {
		json_decref(set->sources[set->source]);
		set->sources[set->source] = keys;
		rebuild(set);
	} else {
		log_put(LOG_WARN, "signing_keys_not_fetched", LS("err", err_name(answer->err)), LI("status", answer->status));
	}
	if (++set->source < SOURCES)
		fetch(set);
	else
		timer_arm(set->timer, set->merged != NULL ? KEY_SET_LIFE_MS : KEY_SET_RETRY_MS);
}

static void
fetch(struct key_set *set)
{
	char url[URL_SIZE];
	const struct http_request request = {
		.method = "GET", .url = url, .timeout_ms = TIMEOUT_MS, .answer_max_bytes = ANSWER_MAX
	};

	(void)snprintf(url, sizeof(url), "%s%s", set->login_url, paths[set->source]);
	set->call = http_start(set->transport, &request, on_answer, set);
	if (set->call == NULL)
		timer_arm(set->timer, KEY_SET_RETRY_MS);
}

static void
on_timer(void *arg)
{
	struct key_set *set = arg;

	set->source = 0;
	set->fetched_boot_ms = clock_boot_ms(set->clock);
	fetch(set);
}

enum err
key_set_new(struct http_transport *transport, struct clock *clock, const char *login_url, struct key_set **ret)
{
	struct key_set *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return ERR_NOMEM;
	set->transport = transport;
	set->clock = clock;
	set->login_url = strdup(login_url);
	set->timer = timer_new(clock, on_timer, set);
	set->fetched_boot_ms = -1;
	if (set->login_url == NULL || set->timer == NULL) {
		key_set_free(set);
		return ERR_NOMEM;
	}
	timer_arm(set->timer, 0);
	*ret = set;
	return ERR_OK;
}

void
key_set_free(struct key_set *set)
{
	if (set == NULL)
		return;
	http_cancel(set->transport, set->call);
	timer_free(set->timer);
	for (size_t i = 0; i < SOURCES; i++)
		json_decref(set->sources[i]);
	json_decref(set->merged);
	free(set->login_url);
	free(set);
}

const json_t *
key_set_get(const struct key_set *set)
{
	return set->merged;
}

void
key_set_want(struct key_set *set)
{
	int64_t wait_ms;

	if (set->call != NULL || set->fetched_boot_ms < 0)
		return;
	wait_ms = set->fetched_boot_ms + KEY_SET_FLOOR_MS - clock_boot_ms(set->clock);
	timer_arm_sooner(set->timer, wait_ms > 0 ? wait_ms : 0);
}
