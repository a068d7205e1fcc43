/* The life of one request, and the shapes every answer shares: facts 2.4 for errors. */
#include "sim/call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/encode.h"
#include "base/timestamp.h"
#include "sim/mailbox.h"
#include "sim/memory.h"

/* Longer than any link the simulator gives out; a longer query is cut off at parsing. */
#define URL_MAX (64u << 10)

static char *
copy_header(struct call *c, const struct sim_request *r, const char *name)
{
	return r->header == NULL ? NULL : arena_copy(&c->arena, r->header(r->header_arg, name));
}

static char *
decoded(struct call *c, const char *s, size_t len)
{
	char *ret = arena_get(&c->arena, len + 1);
	size_t ret_len;

	if (percent_decode(s, len, 1, ret, &ret_len) != ERR_OK)
		ret[0] = '\0';
	return ret;
}

static void
parse_query(struct call *c)
{
	const char *at = c->query;

	while (*at != '\0' && c->param_count < CALL_PARAMS_MAX) {
		size_t len = strcspn(at, "&");
		const char *equals = memchr(at, '=', len);
		size_t name_len = equals == NULL ? len : (size_t)(equals - at);
		struct query_param *p = &c->param[c->param_count];

		if (len > 0) {
			p->name = decoded(c, at, name_len);
			p->value = equals == NULL ? decoded(c, "", 0) : decoded(c, equals + 1, len - name_len - 1);
			c->param_count++;
		}
		at += len + (at[len] == '&');
	}
}

struct call *
call_new(struct sim *sim, const struct sim_request *r, sim_done done, void *arg)
{
	struct call *c = must_alloc(sizeof(*c));

	c->sim = sim;
	c->done = done;
	c->arg = arg;
	str_copy(c->method, sizeof(c->method), r->method);
	c->path = arena_copy(&c->arena, r->path);
	c->query = arena_copy(&c->arena, r->query == NULL ? "" : r->query);
	if (r->body != NULL && r->body_len > 0) {
		c->body = arena_copy_len(&c->arena, r->body, r->body_len);
		c->body_len = r->body_len;
	}
	c->authorization = copy_header(c, r, "Authorization");
	c->client_request_id = copy_header(c, r, "client-request-id");
	c->prefer = copy_header(c, r, "Prefer");
	c->if_match = copy_header(c, r, "If-Match");
	c->fault.kind = FAULT_COUNT;
	c->template = "(none)";
	c->now_ms = c->read_ms = clock_boot_ms(sim->clock);
	sim_guid_make(&sim->rng, c->request_id);
	parse_query(c);
	c->next = sim->open;
	c->link = &sim->open;
	if (sim->open != NULL)
		sim->open->link = &c->next;
	sim->open = c;
	return c;
}

static void
call_free(struct call *c)
{
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	timer_free(c->timer);
	call_mailbox_leave(c);
	json_decref(c->json);
	json_decref(c->answer);
	free(c->ready);
	free(c->text);
	arena_done(&c->arena);
	free(c);
}

static void
header_add(struct call *c, const char *line)
{
	assert(c->header_count < CALL_HEADERS_MAX - 1);
	c->header[c->header_count++] = line;
}

void
call_header(struct call *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	header_add(c, arena_format(&c->arena, format, args));
	va_end(args);
}

void
call_note(struct call *c, enum journal_kind kind, const char *detail)
{
	journal_note(c->sim->journal, c->now_ms, kind, c->method, c->path, detail);
}

void
call_answer(struct call *c, int status, json_t *json)
{
	json_decref(c->answer);
	free(c->ready);
	c->ready = NULL;
	c->status = status;
	c->answer = json;
}

void
call_answer_ready(struct call *c, int status, char *json_text)
{
	call_answer(c, status, NULL);
	/* Those look into it: a batch that it is a part of, a fault, and who wants to see each exchange. */
	if (c->inner || c->fault.kind != FAULT_COUNT || c->sim->options.exchange != NULL) {
		c->answer = json_loads(json_text, 0, NULL);
		free(json_text);
	} else {
		c->ready = json_text;
	}
}

static void
answer_error(struct call *c, int status, const char *code, const char *message)
{
	char date[TIMESTAMP_SIZE];
	json_t *inner;

	timestamp_format(clock_wall_ms(c->sim->clock) / 1000 * 1000, date);
	date[strcspn(date, "Z")] = '\0';
	inner = json_pack("{s:s,s:s,s:s}", "date", date, "request-id", c->request_id, "client-request-id",
	    c->client_request_id == NULL ? c->request_id : c->client_request_id);
	call_answer(c, status, json_pack("{s:{s:s,s:s,s:o}}", "error", "code", code, "message", message, "innerError", inner));
}

void
call_refuse(struct call *c, int status, const char *code, enum journal_kind kind, const char *format, ...)
{
	va_list args;
	char message[512];

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	answer_error(c, status, code, message);
	call_note(c, kind, message);
}

void
call_refuse_as(struct call *c, const struct refusal *r)
{
	call_refuse(c, r->status, r->code, r->kind, "%s", r->message);
}

const char *
call_query(const struct call *c, const char *name)
{
	for (size_t i = 0; i < c->param_count; i++)
		if (strcasecmp(c->param[i].name, name) == 0)
			return c->param[i].value;
	return NULL;
}

bool
call_prefers(const struct call *c, const char *token)
{
	return c->prefer != NULL && strcasestr(c->prefer, token) != NULL;
}

bool
call_may(const struct call *c, unsigned permissions)
{
	return c->sim->settings.exact_permissions == 0 || (c->tenant->permissions & permissions) != 0;
}

bool
call_needs_json(struct call *c)
{
	if (json_is_object(c->json))
		return true;
	call_refuse(c, 400, "BadRequest", JOURNAL_BAD_REQUEST, "Unable to read JSON request payload.");
	return false;
}

struct team *
call_team(struct call *c, const char *id)
{
	struct team *t = world_team(&c->sim->world, id);

	if (!sim_guid_valid(id)) {
		call_refuse(c, 400, "BadRequest", JOURNAL_BAD_REQUEST, "teamId needs to be a valid GUID.");
		return NULL;
	}
	if (t == NULL || t->deleted || t->tenant != c->tenant) {
		call_refuse(c, 404, "NotFound", JOURNAL_NOT_FOUND, "No team found with Group Id %.40s", id);
		return NULL;
	}
	return t;
}

struct channel *
call_channel(struct call *c, struct team *team, const char *id)
{
	struct channel *ch = world_channel(&c->sim->world, id);

	if (ch == NULL || ch->deleted || ch->team != team) {
		call_refuse(c, 404, "NotFound", JOURNAL_NOT_FOUND, "The channel was not found in the team.");
		return NULL;
	}
	return ch;
}

struct user *
call_user(struct call *c, const char *id)
{
	struct user *u = world_user(&c->sim->world, c->tenant, id);

	/* Mail addresses are no keys: Graph finds a user by object id or UPN only. */
	if (u == NULL || (strcasecmp(u->id, id) != 0 && strcasecmp(u->upn, id) != 0)) {
		call_refuse(c, 404, "Request_ResourceNotFound", JOURNAL_NOT_FOUND,
		    "Resource '%.80s' does not exist or one of its queried reference-property objects are not present.", id);
		return NULL;
	}
	return u;
}

char *
call_next_link(const struct call *c, const char *token)
{
	struct text t;

	text_init(&t, URL_MAX);
	text_addf(&t, "%s%s?", c->sim->base_url, c->path);
	for (size_t i = 0; i < c->param_count; i++) {
		if (strcasecmp(c->param[i].name, "$skiptoken") == 0)
			continue;
		text_addf(&t, "%s=", c->param[i].name);
		percent_encode(&t, c->param[i].value);
		text_adds(&t, "&");
	}
	text_addf(&t, "$skiptoken=%s", token);
	return text_take(&t);
}

bool
call_top(struct call *c, size_t fallback, size_t max, size_t *ret)
{
	const char *top = call_query(c, "$top");
	uint64_t n = fallback;

	if (top != NULL && (parse_u64(top, &n) != ERR_OK || n < 1 || n > max)) {
		call_refuse(
		    c, 400, "BadRequest", JOURNAL_BAD_REQUEST, "The limit of '%zu' for Top query has been exceeded.", max);
		return false;
	}
	*ret = n > max ? max : (size_t)n;
	return true;
}

static bool
named(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; *at != '\0'; at += *at != '\0') {
		size_t n;

		at += strspn(at, " ");
		n = strcspn(at, ", ");
		if (n == len && strncasecmp(at, name, len) == 0)
			return true;
		at += strcspn(at, ",");
	}
	return false;
}

void
call_select(const struct call *c, json_t *o)
{
	const char *list = call_query(c, "$select"), *key;
	json_t *value;
	void *next;

	if (list == NULL)
		return;
	json_object_foreach_safe(o, next, key, value) if (strchr(key, '@') == NULL && strcmp(key, "id") != 0 && !named(list, key))
	    json_object_del(o, key);
}

/* Faults that change a list answer on its way out. */
static void
spoil_page(struct call *c)
{
	json_t *value = jx_get_array(c->answer, "value");

	if (value == NULL || c->status != 200)
		return;
	switch (c->fault.kind) {
	case FAULT_EMPTY_PAGE: json_array_clear(value); break;
	case FAULT_SHORT_PAGE:
		for (size_t n = json_array_size(value), kept = n / 2; n > kept; n--)
			json_array_remove(value, n - 1);
		break;
	case FAULT_TRUNCATED_PAGE: break;
	default: return;
	}
	json_object_del(c->answer, "@odata.nextLink");
}

static void
log_exchange(struct call *c)
{
	const struct sim_options *o = &c->sim->options;
	char *target = NULL;
	json_t *line;

	if (o->exchange == NULL || !str_starts(c->path, GRAPH_PREFIX "/"))
		return;
	if (asprintf(&target, "%s%s%s", c->path + strlen(GRAPH_PREFIX), c->query[0] == '\0' ? "" : "?", c->query) < 0)
		return;
	line = json_pack("{s:s,s:s,s:i}", "method", c->method, "path", target, "status", c->status);
	if (c->json != NULL)
		json_object_set(line, "reqBody", c->json);
	if (c->answer != NULL)
		json_object_set(line, "resBody", c->answer);
	o->exchange(o->exchange_arg, line);
	json_decref(line);
	free(target);
}

static enum sim_fate
fate_of(const struct call *c)
{
	if (c->sim->closing)
		return SIM_CLOSED;
	switch (c->fault.kind) {
	case FAULT_TIMEOUT_BEFORE:
	case FAULT_TIMEOUT_AFTER: return SIM_SILENT;
	case FAULT_CLOSE_BEFORE:
	case FAULT_CLOSE_AFTER: return SIM_CLOSED;
	case FAULT_TRUNCATE: return SIM_TRUNCATED;
	default: return SIM_ANSWERED;
	}
}

static void
send_answer(void *arg)
{
	struct call *c = arg;
	struct sim_answer a = { .fate = fate_of(c), .status = c->status, .headers = c->header };
	char *text = c->answer == NULL ? c->ready : json_dumps(c->answer, JSON_COMPACT);

	c->ready = NULL;
	if (c->counted)
		journal_in_flight(c->sim->journal, -1);
	/* Only from here on can anybody know of the wait: what was under way at the same time broke nothing. */
	if (c->fault.kind == FAULT_STATUS && c->fault.retry_after_s > 0)
		faults_hold(&c->sim->faults, c->method, c->path, clock_boot_ms(c->sim->clock) + c->fault.retry_after_s * 1000);
	a.body = text != NULL ? text : c->text;
	if (text != NULL)
		a.content_type =
		    "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8";
	else if (a.body != NULL)
		a.content_type = "text/plain; charset=utf-8";
	a.full_len = a.body == NULL ? 0 : strlen(a.body);
	a.body_len = a.fate == SIM_TRUNCATED ? a.full_len * 2 / 3 : a.full_len;
	c->done(c->arg, &a);
	free(text);
	call_free(c);
}

static int64_t
latency_ms(struct call *c)
{
	const struct settings *s = &c->sim->settings;
	int64_t ms = s->latency_ms + (int64_t)rng_below(&c->sim->rng, (uint64_t)s->latency_jitter_ms);

	if (c->fault.kind == FAULT_DELAY)
		ms += c->fault.delay_ms;
	return str_starts(c->path, "/_sim") ? 0 : ms;
}

/* "name: value", for what every answer has: without printf. */
static void
header_pair(struct call *c, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len = strlen(value);
	char *line = arena_get(&c->arena, name_len + value_len + 3);
	char *end = mempcpy(mempcpy(mempcpy(line, name, name_len), ": ", 2), value, value_len);

	*end = '\0';
	header_add(c, line);
}

/* Every answer says when it was made, by Graph's clock. Answers come by the dozen: all but the seconds is made once a minute. */
static void
date_header(struct call *c)
{
	struct sim *s = c->sim;
	time_t now_s = (time_t)(clock_wall_ms(s->clock) / 1000), minute = now_s / 60;
	struct tm t;

	if (minute != s->date_minute) {
		if (gmtime_r(&now_s, &t) == NULL || strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:00 GMT", &t) == 0)
			return;
		s->date_minute = minute;
	}
	s->date[sizeof("Sun, 22 Nov 2026 18:23:") - 1] = (char)('0' + now_s % 60 / 10);
	s->date[sizeof("Sun, 22 Nov 2026 18:23:0") - 1] = (char)('0' + now_s % 10);
	header_pair(c, "Date", s->date);
}

void
call_finish(struct call *c)
{
	int64_t ms = c->inner || c->sim->closing ? 0 : latency_ms(c);

	if (c->handling) {
		c->finished = true;
		return;
	}
	if (c->fault.kind == FAULT_STATUS_AFTER && c->status < 400)
		call_refuse(c, c->fault.status, "UnknownError", JOURNAL_NONE, "A scripted fault, after the effect.");
	if (!c->inner && str_starts(c->path, GRAPH_PREFIX "/")) {
		header_pair(c, "request-id", c->request_id);
		header_pair(c, "client-request-id", c->client_request_id == NULL ? c->request_id : c->client_request_id);
	}
	spoil_page(c);
	if (!c->inner && !str_starts(c->path, "/_sim"))
		date_header(c);
	if (!str_starts(c->path, "/_sim"))
		journal_request(c->sim->journal, c->now_ms, c->tenant == NULL ? "" : c->tenant->id, c->method, c->path,
		    c->template, c->status);
	log_exchange(c);
	json_decref(c->json);
	c->json = NULL;
	if (ms > 0 && (c->timer = timer_new(c->sim->clock, send_answer, c)) != NULL)
		timer_arm(c->timer, ms);
	else
		send_answer(c);
}

void
call_drop(struct call *c)
{
	c->fault.kind = FAULT_CLOSE_AFTER;
	send_answer(c);
}
