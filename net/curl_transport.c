/*
 * The real transport: curl's multi interface, driven by libevent; the pitfalls named below are those of 7.88.
 *
 * curl asks for sockets and one timer; both callbacks only note the wish. Every entry into curl is made from the
 * loop (on_timer, on_socket) and followed by a look for finished transfers (calls_finish), the only place from
 * which done is called: never from a callback of curl, never from within start.
 *
 * Time limits of transfers are curl's own and run on the system's monotonic clock: base/clock cannot move
 * them, and tests that need to use a fake transport. Counting the decoded bytes in the write callback is what
 * makes automatic decompression safe: this curl checks sizes before it inflates only.
 *
 * When a kept connection turns out closed before any byte of an answer came, curl sends the request once more on a
 * new one, whatever its method: callers of writes must be able to live with that.
 */
#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/text.h"
#include "net/http_client.h"
#include "net/http_exchange.h"

#define TIMEOUT_DEFAULT_MS 30000
#define CONNECT_TIMEOUT_MS 5000
#define LOW_SPEED_BYTES    100L
#define LOW_SPEED_MIN_S    10
#define CONN_AGE_MAX_S     60L  /* the far side drops idle ones without a word */
#define CONN_LIFE_MAX_S    600L /* so that a moved address is noticed */
#define CONN_KEPT_MAX      64L
#define HEADER_COUNT_MAX   128
#define HEADER_BYTES_MAX   (64u << 10)
#define DETAIL_SIZE        256

struct transport {
	struct http_transport seam; /* first: the two are one */
	struct event_base *base;
	CURLM *multi;
	struct event *timer;  /* curl's */
	struct event *failed; /* delivers calls that never reached curl */
	char *ca_file;
	TAILQ_HEAD(call_list, http_call) calls;
	unsigned depth; /* of calls_finish: done may free the transport */
	bool dead;
};

struct http_call {
	TAILQ_ENTRY(http_call) link;
	struct transport *transport;
	CURL *easy; /* NULL when it could not be set up */
	struct curl_slist *headers;
	void *body;
	http_done done;
	void *arg;
	enum err err; /* why we stopped it, or could not start it */
	char detail[DETAIL_SIZE];
	char curl_says[CURL_ERROR_SIZE];
	struct text header_text; /* name NUL value NUL ... */
	size_t header_count;
	bool head_complete; /* the empty line came */
	struct text answer;
	size_t answer_max;
	bool (*on_data)(void *arg, const char *data, size_t len);
};

/* ---- finished calls ---- */

/* told: curl's own words say more than ours, and hold a host, never a path or a query. */
static const struct {
	CURLcode code;
	enum err err;
	bool told;
	const char *detail;
} outcomes[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_UNREACHABLE, true, "the host name cannot be resolved" },
	{ CURLE_COULDNT_CONNECT, ERR_UNREACHABLE, true, "no connection" },
	{ CURLE_SSL_CONNECT_ERROR, ERR_TLS, true, "the TLS handshake failed" },
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_TLS, true, "the certificate is not trusted" },
	{ CURLE_SSL_CACERT_BADFILE, ERR_TLS, false, "the CA file cannot be read" },
	{ CURLE_SSL_ISSUER_ERROR, ERR_TLS, false, "the issuer of the certificate is not the one expected" },
	{ CURLE_SSL_CERTPROBLEM, ERR_TLS, false, "the certificate cannot be used" },
	{ CURLE_SSL_CIPHER, ERR_TLS, false, "no common cipher" },
	{ CURLE_SSL_INVALIDCERTSTATUS, ERR_TLS, false, "the status of the certificate is bad" },
	{ CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, false, "no complete answer in time" },
	{ CURLE_OUT_OF_MEMORY, ERR_NOMEM, false, "out of memory" },
	{ CURLE_URL_MALFORMAT, ERR_INVALID, false, "it is not a URL" },
	{ CURLE_GOT_NOTHING, ERR_REMOTE, false, "the connection was closed without an answer" },
	{ CURLE_PARTIAL_FILE, ERR_REMOTE, false, "the answer ended early" },
	{ CURLE_SEND_ERROR, ERR_REMOTE, false, "the connection broke while sending" },
	{ CURLE_RECV_ERROR, ERR_REMOTE, false, "the connection broke while receiving" },
	{ CURLE_BAD_CONTENT_ENCODING, ERR_REMOTE, false, "the answer's compression is damaged" },
	{ CURLE_WEIRD_SERVER_REPLY, ERR_REMOTE, false, "the answer is not HTTP" },
	{ CURLE_UNSUPPORTED_PROTOCOL, ERR_REMOTE, false, "the answer is not HTTP" },
};

static void
call_fail(struct http_call *c, enum err e, const char *detail)
{
	c->err = e;
	snprintf(c->detail, sizeof(c->detail), "%s", detail);
}

/* Where curl stopped it without a wish of ours. */
static void
call_fail_of_curl(struct http_call *c, CURLcode code)
{
	curl_off_t sent_us = 0;

	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		if (outcomes[i].code != code)
			continue;
		call_fail(c, outcomes[i].err, outcomes[i].detail);
		if (outcomes[i].told && c->curl_says[0] != '\0')
			snprintf(c->detail, sizeof(c->detail), "%s: %.160s", outcomes[i].detail, c->curl_says);
		break;
	}
	if (c->err == ERR_OK)
		call_fail(c, ERR_REMOTE, curl_easy_strerror(code));
	/* A time-out before the request could be sent leaves no doubt about its effect. */
	if (code == CURLE_OPERATION_TIMEDOUT && curl_easy_getinfo(c->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us) == CURLE_OK &&
	    sent_us == 0)
		call_fail(c, ERR_UNREACHABLE, "no connection in time");
}

/* Takes the call out of all lists; done will not come any more. */
static void
call_free(struct http_call *c)
{
	if (c->easy != NULL) {
		curl_multi_remove_handle(c->transport->multi, c->easy);
		curl_easy_cleanup(c->easy);
	}
	TAILQ_REMOVE(&c->transport->calls, c, link);
	curl_slist_free_all(c->headers);
	text_done(&c->header_text);
	text_done(&c->answer);
	free(c->body);
	free(c);
}

static void
headers_point(const struct http_call *c, struct http_header *ret)
{
	const char *p = c->header_text.data;

	for (size_t i = 0; i < c->header_count; i++) {
		ret[i].name = p;
		ret[i].value = p += strlen(p) + 1;
		p += strlen(p) + 1;
	}
}

static void
call_done(struct http_call *c)
{
	struct http_header headers[HEADER_COUNT_MAX];
	struct http_answer answer = { .err = c->err, .detail = c->detail, .body = "" };
	curl_off_t took_us = 0;
	long status = 0;

	if (c->easy != NULL)
		curl_easy_getinfo(c->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	answer.took_ms = took_us / 1000;
	if (c->err == ERR_OK) {
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		headers_point(c, headers);
		answer.status = (int)status;
		answer.headers = headers;
		answer.header_count = c->header_count;
		answer.body = c->answer.data != NULL ? c->answer.data : "";
		answer.body_len = c->answer.len;
	}
	c->done(c->arg, &answer);
	call_free(c);
}

static void transport_destroy(struct transport *t);

/* Calls done for whatever has ended. done may start and cancel calls, and free the transport. */
static void
calls_finish(struct transport *t)
{
	struct http_call *c;
	CURLMsg *m;
	int left;

	t->depth++;
	while (!t->dead && (m = curl_multi_info_read(t->multi, &left)) != NULL) {
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c) != CURLE_OK)
			continue;
		if (code != CURLE_OK && c->err == ERR_OK)
			call_fail_of_curl(c, code);
		/* curl is content with a connection that closes in the middle of the head. */
		if (c->err == ERR_OK && !c->head_complete)
			call_fail(c, ERR_REMOTE, "the answer ended early");
		call_done(c);
	}
	if (--t->depth == 0 && t->dead)
		transport_destroy(t);
}

/* ---- curl's wishes ---- */

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(t->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	calls_finish(t);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;
	int running;
	int action = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);

	curl_multi_socket_action(t->multi, fd, action, &running);
	calls_finish(t);
}

static int
curl_wants_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct transport *t = arg;
	const struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

	(void)multi;
	if (timeout_ms < 0)
		event_del(t->timer);
	else
		event_add(t->timer, &tv);
	return 0;
}

/* socket_event is the one event of this socket, NULL at first. */
static int
curl_wants_socket(CURL *easy, curl_socket_t fd, int action, void *arg, void *socket_event)
{
	struct transport *t = arg;
	struct event *ev = socket_event;
	short what = EV_PERSIST;

	(void)easy;
	if (ev != NULL)
		event_free(ev);
	if (action == CURL_POLL_REMOVE) {
		curl_multi_assign(t->multi, fd, NULL);
		return 0;
	}
	if ((action & CURL_POLL_IN) != 0)
		what |= EV_READ;
	if ((action & CURL_POLL_OUT) != 0)
		what |= EV_WRITE;
	ev = event_new(t->base, fd, what, on_socket, t);
	if (ev != NULL && event_add(ev, NULL) != 0) {
		event_free(ev);
		ev = NULL;
	}
	curl_multi_assign(t->multi, fd, ev);
	return ev != NULL ? 0 : -1;
}

/* ---- an answer comes in ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Keeps one header. ERR_TOOBIG at the ceiling; what is not a header is passed over. */
static enum err
header_keep(struct http_call *c, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len, skip;

	if (colon == NULL || memchr(line, '\0', len) != NULL)
		return ERR_OK;
	if (c->header_count == HEADER_COUNT_MAX || c->header_text.len + len > HEADER_BYTES_MAX)
		return ERR_TOOBIG;
	name_len = (size_t)(colon - line);
	skip = name_len + 1;
	while (skip < len && is_blank(line[skip]))
		skip++;
	text_add(&c->header_text, line, name_len);
	text_add(&c->header_text, "", 1);
	text_add(&c->header_text, line + skip, len - skip);
	text_add(&c->header_text, "", 1);
	c->header_count++;
	return text_err(&c->header_text);
}

/* A status line begins a new block: an interim answer's headers are not those of the answer. */
static enum err
header_line(struct http_call *c, const char *line, size_t len)
{
	while (len > 0 && is_blank(line[len - 1]))
		len--;
	if (len >= 5 && strncmp(line, "HTTP/", 5) == 0) {
		text_reset(&c->header_text);
		c->header_count = 0;
		c->head_complete = false;
		return ERR_OK;
	}
	c->head_complete |= len == 0;
	return header_keep(c, line, len);
}

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct http_call *c = arg;
	size_t len = size * count;
	enum err e;

	/* After the body these are trailers, which nothing of ours may depend on. */
	if (c->answer.len > 0 || (e = header_line(c, data, len)) == ERR_OK)
		return len;
	call_fail(c, e, e == ERR_TOOBIG ? "the answer's headers are larger than the ceiling" : err_text(e));
	return 0;
}

static bool
is_success(struct http_call *c)
{
	long status = 0;

	return curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status / 100 == 2;
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_call *c = arg;
	size_t len = size * count;

	if (c->on_data != NULL && is_success(c)) {
		if (c->on_data(c->arg, data, len))
			return len;
		call_fail(c, ERR_MALFORMED, "the answer is not what it should be");
		return 0;
	}
	if (len > c->answer_max - c->answer.len) {
		call_fail(c, ERR_TOOBIG, "the answer is larger than the ceiling");
		return 0;
	}
	text_add(&c->answer, data, len);
	if (text_err(&c->answer) == ERR_OK)
		return len;
	call_fail(c, ERR_NOMEM, err_text(ERR_NOMEM));
	return 0;
}

/* ---- starting ---- */

/* Sticky: one check at the end tells whether all options were taken. */
#define SET(easy, rc, option, value)                                                                                             \
	do {                                                                                                                     \
		if (*(rc) == CURLE_OK)                                                                                           \
			*(rc) = curl_easy_setopt((easy), (option), (value));                                                     \
	} while (0)

static void
options_safety(struct http_call *c, const char *url, CURLcode *rc)
{
	bool https = strncasecmp(url, "https:", 6) == 0;
	CURL *e = c->easy;

	SET(e, rc, CURLOPT_NOSIGNAL, 1L);
	SET(e, rc, CURLOPT_QUICK_EXIT, 1L); /* or a dead name server blocks the loop for seconds */
	SET(e, rc, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(e, rc, CURLOPT_PROTOCOLS_STR, https ? "https" : "http");
	SET(e, rc, CURLOPT_FOLLOWLOCATION, 0L);
	SET(e, rc, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(e, rc, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(e, rc, CURLOPT_PROXY, ""); /* nor one from the environment */
	SET(e, rc, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(e, rc, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(e, rc, CURLOPT_PATH_AS_IS, 1L);
	if (c->transport->ca_file != NULL) {
		SET(e, rc, CURLOPT_CAINFO, c->transport->ca_file);
		SET(e, rc, CURLOPT_CAPATH, NULL);
	}
}

static void
options_tls(struct http_call *c, enum http_tls tls, CURLcode *rc)
{
	static const long versions[] = {
		[HTTP_TLS_ANY] = CURL_SSLVERSION_TLSv1_2,
		[HTTP_TLS_1_2] = (long)CURL_SSLVERSION_TLSv1_2 | (long)CURL_SSLVERSION_MAX_TLSv1_2,
		[HTTP_TLS_1_3] = (long)CURL_SSLVERSION_TLSv1_3 | (long)CURL_SSLVERSION_MAX_TLSv1_3,
	};

	SET(c->easy, rc, CURLOPT_SSLVERSION, versions[tls]);
	/* A kept connection, or a session of one, would show nothing. */
	SET(c->easy, rc, CURLOPT_FRESH_CONNECT, tls == HTTP_TLS_ANY ? 0L : 1L);
	SET(c->easy, rc, CURLOPT_FORBID_REUSE, tls == HTTP_TLS_ANY ? 0L : 1L);
	SET(c->easy, rc, CURLOPT_SSL_SESSIONID_CACHE, tls == HTTP_TLS_ANY ? 1L : 0L);
}

static void
options_limits(struct http_call *c, int64_t timeout_ms, CURLcode *rc)
{
	/* A Graph write may be silent for long and still succeed: leave it a third of its time. */
	int64_t silent_s = timeout_ms / 3000 > LOW_SPEED_MIN_S ? timeout_ms / 3000 : LOW_SPEED_MIN_S;
	CURL *e = c->easy;

	SET(e, rc, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(e, rc, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	SET(e, rc, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
	SET(e, rc, CURLOPT_LOW_SPEED_TIME, (long)silent_s);
	SET(e, rc, CURLOPT_MAXAGE_CONN, CONN_AGE_MAX_S);
	SET(e, rc, CURLOPT_MAXLIFETIME_CONN, CONN_LIFE_MAX_S);
}

static void
options_request(struct http_call *c, const struct http_request *r, CURLcode *rc)
{
	bool needs_body = strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "PATCH") == 0;
	CURL *e = c->easy;

	SET(e, rc, CURLOPT_URL, r->url);
	SET(e, rc, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
	if (c->body != NULL || needs_body) {
		SET(e, rc, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(c->body != NULL ? r->body_len : 0));
		SET(e, rc, CURLOPT_POSTFIELDS, c->body != NULL ? c->body : "");
	} else if (strcmp(r->method, "HEAD") == 0) {
		SET(e, rc, CURLOPT_NOBODY, 1L);
	}
	SET(e, rc, CURLOPT_CUSTOMREQUEST, r->method);
	SET(e, rc, CURLOPT_HTTPHEADER, c->headers);
	SET(e, rc, CURLOPT_USERAGENT, "ergsync/" ERGSYNC_VERSION);
	SET(e, rc, CURLOPT_ACCEPT_ENCODING, ""); /* all that curl knows */
}

static void
options_callbacks(struct http_call *c, CURLcode *rc)
{
	CURL *e = c->easy;

	SET(e, rc, CURLOPT_PRIVATE, c);
	SET(e, rc, CURLOPT_ERRORBUFFER, c->curl_says);
	SET(e, rc, CURLOPT_HEADERFUNCTION, on_header);
	SET(e, rc, CURLOPT_HEADERDATA, c);
	SET(e, rc, CURLOPT_WRITEFUNCTION, on_body);
	SET(e, rc, CURLOPT_WRITEDATA, c);
}

static bool
header_append(struct http_call *c, const char *line)
{
	struct curl_slist *longer = curl_slist_append(c->headers, line);

	if (longer == NULL)
		return false;
	c->headers = longer;
	return true;
}

/* Copies headers; an empty Expect keeps a body from waiting for "100 Continue", an empty Content-Type curl's guess away. */
static enum err
headers_copy(struct http_call *c, const struct http_request *r)
{
	bool typed = false;
	char name[64];
	const char *value;

	for (size_t i = 0; r->headers != NULL && r->headers[i] != NULL; i++) {
		if (!header_split(r->headers[i], name, sizeof(name), &value))
			return ERR_INVALID;
		typed |= str_equal_nocase(name, "Content-Type");
		if (!header_append(c, r->headers[i]))
			return ERR_NOMEM;
	}
	if (!header_append(c, "Expect:") || (!typed && !header_append(c, "Content-Type:")))
		return ERR_NOMEM;
	return ERR_OK;
}

static enum err
body_copy(struct http_call *c, const struct http_request *r)
{
	if (r->body == NULL)
		return ERR_OK;
	if ((c->body = malloc(r->body_len + 1)) == NULL)
		return ERR_NOMEM;
	memcpy(c->body, r->body, r->body_len);
	return ERR_OK;
}

/* ERR_OK: curl has it. Anything else is what done will hear. */
static enum err
call_launch(struct http_call *c, const struct http_request *r)
{
	CURLcode rc = CURLE_OK;
	enum err e = http_url_check(r->url, c->detail, sizeof(c->detail));

	if (e != ERR_OK)
		return e;
	if (!header_name_ok(r->method) || (e = headers_copy(c, r)) == ERR_INVALID) {
		snprintf(c->detail, sizeof(c->detail), "a header or the method is malformed");
		return ERR_INVALID;
	}
	if (e != ERR_OK || (e = body_copy(c, r)) != ERR_OK)
		return e;
	if ((c->easy = curl_easy_init()) == NULL)
		return ERR_NOMEM;
	options_safety(c, r->url, &rc);
	options_tls(c, r->tls, &rc);
	options_limits(c, r->timeout_ms > 0 ? r->timeout_ms : TIMEOUT_DEFAULT_MS, &rc);
	options_request(c, r, &rc);
	options_callbacks(c, &rc);
	if (rc == CURLE_OK && curl_multi_add_handle(c->transport->multi, c->easy) == CURLM_OK)
		return ERR_OK;
	curl_easy_cleanup(c->easy);
	c->easy = NULL;
	return rc == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_UNSUPPORTED;
}

static struct http_call *
transport_start(struct http_transport *seam, const struct http_request *request, http_done done, void *arg)
{
	struct transport *t = (struct transport *)seam;
	struct http_call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->transport = t;
	c->done = done;
	c->arg = arg;
	c->on_data = request->on_data;
	c->answer_max = request->answer_max_bytes != 0 ? request->answer_max_bytes : HTTP_ANSWER_MAX_BYTES;
	text_init(&c->header_text, 2 * HEADER_BYTES_MAX);
	text_init(&c->answer, c->answer_max + 1);
	TAILQ_INSERT_TAIL(&t->calls, c, link);
	c->err = call_launch(c, request);
	if (c->err != ERR_OK) {
		if (c->detail[0] == '\0')
			snprintf(c->detail, sizeof(c->detail), "%s", err_text(c->err));
		event_active(t->failed, 0, 0);
	}
	return c;
}

static struct http_call *
call_without_handle(const struct transport *t)
{
	struct http_call *c = TAILQ_FIRST(&t->calls);

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): call_free has taken what it freed out of the list. */
	while (c != NULL && c->easy != NULL)
		c = TAILQ_NEXT(c, link);
	return c;
}

/* Calls that could not be started have no handle; they end here, one loop turn later. */
static void
on_failed(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;
	struct http_call *c;

	(void)fd;
	(void)what;
	t->depth++;
	while (!t->dead && (c = call_without_handle(t)) != NULL)
		call_done(c);
	if (--t->depth == 0 && t->dead)
		transport_destroy(t);
}

/* ---- the transport ---- */

static void
transport_cancel(struct http_transport *seam, struct http_call *call)
{
	(void)seam;
	call_free(call);
}

static void
transport_destroy(struct transport *t)
{
	struct http_call *c, *next;

	for (c = TAILQ_FIRST(&t->calls); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		call_free(c);
	}
	if (t->multi != NULL)
		curl_multi_cleanup(t->multi);
	if (t->timer != NULL)
		event_free(t->timer);
	if (t->failed != NULL)
		event_free(t->failed);
	free(t->ca_file);
	free(t);
	curl_global_cleanup();
}

static void
transport_free(struct http_transport *seam)
{
	struct transport *t = (struct transport *)seam;

	t->dead = true;
	if (t->depth == 0)
		transport_destroy(t);
}

static bool
multi_setup(struct transport *t, unsigned host_connections_max)
{
	CURLM *m = t->multi = curl_multi_init();

	return m != NULL && curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, curl_wants_socket) == CURLM_OK &&
	       curl_multi_setopt(m, CURLMOPT_SOCKETDATA, t) == CURLM_OK &&
	       curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, curl_wants_timer) == CURLM_OK &&
	       curl_multi_setopt(m, CURLMOPT_TIMERDATA, t) == CURLM_OK &&
	       curl_multi_setopt(m, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK &&
	       curl_multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS, (long)host_connections_max) == CURLM_OK &&
	       curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, CONN_KEPT_MAX) == CURLM_OK;
}

enum err
curl_transport_new(struct event_base *base, const char *ca_file, unsigned host_connections_max, struct http_transport **ret)
{
	struct transport *t;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return ERR_NOMEM;
	if ((t = calloc(1, sizeof(*t))) == NULL) {
		curl_global_cleanup();
		return ERR_NOMEM;
	}
	t->seam = (struct http_transport){ transport_start, transport_cancel, transport_free };
	t->base = base;
	TAILQ_INIT(&t->calls);
	t->timer = event_new(base, -1, 0, on_timer, t);
	t->failed = event_new(base, -1, 0, on_failed, t);
	t->ca_file = ca_file != NULL ? strdup(ca_file) : NULL;
	if (t->timer == NULL || t->failed == NULL || (ca_file != NULL && t->ca_file == NULL) ||
	    !multi_setup(t, host_connections_max)) {
		transport_destroy(t);
		return ERR_NOMEM;
	}
	*ret = &t->seam;
	return ERR_OK;
}
