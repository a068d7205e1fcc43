/*
 * The real transport against real sockets: our own server, and a canned one that misbehaves as told.
 */
#include "unit/net/loopback.h"

#include <event2/listener.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/text.h"

/* ---- a server that answers each connection with the same bytes ---- */

struct canned {
	struct evconnlistener *listener;
	const char *bytes;
	size_t len;
	bool close_after;
	unsigned accepted, requests;
	struct bufferevent *open[64];
	char request[4096];
	uint16_t port;
};

static void
canned_close(struct bufferevent *bev, void *arg)
{
	struct canned *s = arg;

	for (unsigned i = 0; i < 64; i++)
		if (s->open[i] == bev)
			s->open[i] = NULL;
	bufferevent_free(bev);
}

static void
on_canned_event(struct bufferevent *bev, short what, void *arg)
{
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
		canned_close(bev, arg);
}

static void
on_canned_read(struct bufferevent *bev, void *arg)
{
	struct canned *s = arg;
	int len = bufferevent_read(bev, s->request, sizeof(s->request) - 1) & 0xfff;

	s->request[len] = '\0';
	s->requests++;
	if (s->len == 0 && s->close_after) {
		canned_close(bev, s);
		return;
	}
	bufferevent_write(bev, s->bytes, s->len);
	if (s->close_after)
		bufferevent_setcb(bev, NULL, canned_close, on_canned_event, s);
}

static void
on_canned_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
	struct canned *s = arg;
	struct bufferevent *bev = bufferevent_socket_new(evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);

	(void)sa;
	(void)len;
	s->open[s->accepted++ % 64] = bev;
	bufferevent_setcb(bev, on_canned_read, NULL, on_canned_event, s);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void
canned_start(struct rig *r, struct canned *s, const char *bytes, size_t len, bool close_after)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t name_len = sizeof(name);

	*s = (struct canned){ .bytes = bytes, .len = len, .close_after = close_after };
	s->listener = evconnlistener_new_bind(r->base, on_canned_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 64,
	    (struct sockaddr *)&name, sizeof(name));
	assert_non_null(s->listener);
	getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&name, &name_len);
	s->port = ntohs(name.sin_port);
	snprintf(r->url, sizeof(r->url), "http://127.0.0.1:%u", (unsigned)s->port);
}

static void
canned_stop(struct canned *s)
{
	evconnlistener_free(s->listener);
	for (unsigned i = 0; i < 64; i++)
		if (s->open[i] != NULL)
			bufferevent_free(s->open[i]);
}

/* One call against canned bytes. */
static void
canned_call(struct rig *r, struct reply *p, const char *bytes, size_t len, bool close_after)
{
	struct canned s;

	canned_start(r, &s, bytes, len, close_after);
	rig_call(r, p, "GET", "/", NULL, 0);
	canned_stop(&s);
}

static const struct {
	const char *why, *bytes;
	enum err err;
	int status;
	const char *body;
} answers[] = {
	{ "plain", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ERR_OK, 200, "ok" },
	{ "empty", "HTTP/1.1 204 No Content\r\n\r\n", ERR_OK, 204, "" },
	{ "until close", "HTTP/1.1 200 OK\r\n\r\nok", ERR_OK, 200, "ok" },
	{ "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", ERR_OK, 200, "ok" },
	{ "an interim answer first",
	    "HTTP/1.1 103 Early Hints\r\nX-Extra: no\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ERR_OK, 200, "ok" },
	{ "a redirect is an answer", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ERR_OK,
	    302, "" },
	{ "an error is an answer", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ERR_OK, 503, "" },
	{ "trailers do not count", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Extra: no\r\n\r\n",
	    ERR_OK, 200, "ok" },
	{ "cut in the head", "HTTP/1.1 200 OK\r\nContent-Le", ERR_REMOTE, 0, "" },
	{ "cut in the body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", ERR_REMOTE, 0, "" },
	{ "cut in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", ERR_REMOTE, 0, "" },
	{ "bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n", ERR_REMOTE, 0, "" },
	{ "damaged gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde", ERR_REMOTE, 0, "" },
	{ "not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", ERR_REMOTE, 0, "" },
	{ "nothing at all", "", ERR_REMOTE, 0, "" },
};

static void
answers_of_all_kinds(void **state)
{
	struct rig *r = *state;
	struct reply p;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		canned_call(r, &p, answers[i].bytes, strlen(answers[i].bytes), true);
		if (p.err != answers[i].err || p.status != answers[i].status || strcmp(p.body, answers[i].body) != 0)
			fail_msg("%s: %s (%s) %d \"%s\"", answers[i].why, err_name(p.err), p.detail, p.status, p.body);
		assert_string_equal(p.extra, "");
		assert_int_equal(p.detail[0] != '\0', p.err != ERR_OK);
		reply_free(&p);
	}
}

static void
request_is_sent_as_told(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	const char *const headers[] = { "Authorization: Bearer t", "Accept: a/b", NULL };
	struct rig *r = *state;
	struct canned s;
	struct reply p = { 0 };
	char url[128];
	struct http_request request = { .method = "PATCH", .url = url, .headers = headers, .body = "\0x", .body_len = 2 };

	canned_start(r, &s, answer, sizeof(answer) - 1, false);
	snprintf(url, sizeof(url), "%s/a/../b?$filter=x%%20eq%%20'y'", r->url);
	http_start(r->transport, &request, on_reply, &p);
	run_until(r, &p.done, 1);
	assert_int_equal(p.status, 200);
	assert_non_null(strstr(s.request, "PATCH /a/../b?$filter=x%20eq%20'y' HTTP/1.1\r\n"));
	assert_non_null(strstr(s.request, "Authorization: Bearer t\r\n"));
	assert_non_null(strstr(s.request, "Accept: a/b\r\n"));
	assert_non_null(strstr(s.request, "Content-Length: 2\r\n"));
	assert_non_null(strstr(s.request, "Accept-Encoding: "));
	assert_null(strstr(s.request, "Expect"));
	assert_null(strstr(s.request, "Content-Type"));
	assert_null(strstr(s.request, "Cookie"));
	reply_free(&p);
	rig_call(r, &p, "POST", "/", NULL, 0);
	assert_non_null(strstr(s.request, "Content-Length: 0\r\n"));
	reply_free(&p);
	assert_int_equal(s.accepted, 1); /* the connection was kept */
	canned_stop(&s);
}

static void
ceiling_of_the_body(void **state)
{
	struct rig *r = *state;
	struct reply p = { 0 };
	struct canned s;
	struct http_request request = { .method = "GET", .url = r->url };
	struct text t;

	text_init(&t, 1u << 20);
	text_addf(&t, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n%0100000d", 0);
	canned_start(r, &s, t.data, t.len, true);
	request.answer_max_bytes = 100000;
	http_start(r->transport, &request, on_reply, &p);
	run_until(r, &p.done, 1);
	assert_int_equal(p.err, ERR_OK);
	assert_int_equal(p.body_len, 100000);
	reply_free(&p);
	request.answer_max_bytes = 99999;
	http_start(r->transport, &request, on_reply, &p);
	run_until(r, &p.done, 1);
	assert_int_equal(p.err, ERR_TOOBIG);
	assert_int_equal(p.body_len, 0);
	reply_free(&p);
	canned_stop(&s);
	text_done(&t);
}

/* Bits as deflate packs them: codes with their most significant bit first, bytes filled from the least. */
static size_t
bits_put(unsigned char *out, size_t at, const char *bits)
{
	for (; *bits != '\0'; bits++, at++)
		out[at / 8] |= (unsigned char)((*bits - '0') << (at % 8));
	return at;
}

/* A gzip stream of 1 + 258 * runs zeros: one block of fixed codes, each run repeats the last byte 258 times. */
static size_t
bomb_make(unsigned char *out, size_t runs)
{
	static const unsigned char head[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
	size_t at = sizeof(head) * 8;

	memcpy(out, head, sizeof(head));
	at = bits_put(out, at,
	    "1"
	    "10"
	    "00110000");
	while (runs-- > 0)
		at = bits_put(out, at,
		    "11000101"
		    "00000");
	return bits_put(out, at, "0000000") / 8 + 1;
}

/* 16 MB on 105 KB of wire. */
static void
inflated_bytes_count(void **state)
{
	struct rig *r = *state;
	struct reply p;
	char head[128];
	size_t runs = (16u << 20) / 258, size = runs * 2 + 1024, len, head_len;
	unsigned char *wire = calloc(1, size);

	len = bomb_make(wire + sizeof(head), runs);
	head_len =
	    (size_t)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", len);
	memcpy(wire + sizeof(head) - head_len, head, head_len);
	canned_call(r, &p, (char *)wire + sizeof(head) - head_len, head_len + len, true);
	assert_int_equal(p.err, ERR_TOOBIG);
	reply_free(&p);
	free(wire);
}

static void
ceilings_of_headers(void **state)
{
	struct rig *r = *state;
	struct reply p;
	struct text t;

	text_init(&t, 1u << 20);
	text_adds(&t, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; i < 127; i++)
		text_addf(&t, "A%u: b\r\n", i);
	text_adds(&t, "Content-Length: 0\r\n\r\n");
	canned_call(r, &p, t.data, t.len, true);
	assert_int_equal(p.err, ERR_OK);
	assert_int_equal(p.header_count, 128);
	reply_free(&p);

	text_reset(&t);
	text_adds(&t, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; i < 129; i++)
		text_addf(&t, "A%u: b\r\n", i);
	text_adds(&t, "Content-Length: 0\r\n\r\n");
	canned_call(r, &p, t.data, t.len, true);
	assert_int_equal(p.err, ERR_TOOBIG);
	reply_free(&p);

	text_reset(&t);
	text_adds(&t, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; i < 5; i++)
		text_addf(&t, "A%u: %020000d\r\n", i, 0);
	text_adds(&t, "Content-Length: 0\r\n\r\n");
	canned_call(r, &p, t.data, t.len, true);
	assert_int_equal(p.err, ERR_TOOBIG);
	reply_free(&p);
	text_done(&t);
}

static void
silence_times_out(void **state)
{
	struct rig *r = *state;
	struct reply p = { 0 };
	struct canned s;
	struct http_request request = { .method = "GET", .url = r->url, .timeout_ms = 200 };

	canned_start(r, &s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", 39, false);
	http_start(r->transport, &request, on_reply, &p);
	run_until(r, &p.done, 1);
	assert_int_equal(p.err, ERR_TIMEOUT);
	assert_int_equal(p.status, 0);
	assert_true(p.took_ms >= 150);
	reply_free(&p);
	canned_stop(&s);
}

/* With both connections taken, the third request waits for one and is never sent. */
static void
never_connected_is_unreachable(void **state)
{
	struct rig *r = *state;
	struct reply p[3];
	struct http_transport *t = NULL;
	struct canned s;
	struct http_request request = { .method = "GET", .url = r->url, .timeout_ms = 200 };

	assert_int_equal(curl_transport_new(r->base, NULL, 2, &t), ERR_OK);
	canned_start(r, &s, "", 0, false);
	for (unsigned i = 0; i < 3; i++) {
		p[i] = (struct reply){ 0 };
		http_start(t, &request, on_reply, &p[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		run_until(r, &p[i].done, 1);
	assert_int_equal(p[0].err, ERR_TIMEOUT);
	assert_int_equal(p[1].err, ERR_TIMEOUT);
	assert_int_equal(p[2].err, ERR_UNREACHABLE);
	assert_int_equal(s.accepted, 2);
	for (unsigned i = 0; i < 3; i++)
		reply_free(&p[i]);
	canned_stop(&s);
	http_transport_free(t);
}

static void
refused_and_unresolved(void **state)
{
	struct rig *r = *state;
	struct reply p;
	struct canned s;

	canned_start(r, &s, "", 0, false);
	canned_stop(&s);
	rig_call(r, &p, "GET", "/secret?token=hidden", NULL, 0);
	assert_int_equal(p.err, ERR_UNREACHABLE);
	assert_null(strstr(p.detail, "hidden"));
	reply_free(&p);
	snprintf(r->url, sizeof(r->url), "https://no-such-host.invalid");
	rig_call(r, &p, "GET", "/secret?token=hidden", NULL, 0);
	assert_int_equal(p.err, ERR_UNREACHABLE);
	assert_null(strstr(p.detail, "hidden"));
	reply_free(&p);
}

static const struct {
	const char *method, *url, *header;
} bad_requests[] = {
	{ "GET", "http://app.example/", NULL },
	{ "GET", "https://user@app.example/", NULL },
	{ "GET", "ftp://127.0.0.1/", NULL },
	{ "GET", "not a url", NULL },
	{ "GET / HTTP/1.1\r\nX: y\r\n", "http://127.0.0.1:1/", NULL },
	{ "", "http://127.0.0.1:1/", NULL },
	{ "GET", "http://127.0.0.1:1/", "A: b\r\nC: d" },
	{ "GET", "http://127.0.0.1:1/", "no colon" },
	{ "GET", "http://127.0.0.1:1/", ": no name" },
};

static void
bad_requests_end_later_and_never_leave(void **state)
{
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
		const char *const headers[] = { bad_requests[i].header, NULL };
		struct http_request request = {
			.method = bad_requests[i].method, .url = bad_requests[i].url, .headers = headers
		};
		struct reply p = { 0 };

		assert_non_null(http_start(r->transport, &request, on_reply, &p));
		assert_int_equal(p.done, 0);
		run_until(r, &p.done, 1);
		assert_int_equal(p.err, ERR_INVALID);
		assert_int_not_equal(p.detail[0], '\0');
		reply_free(&p);
	}
}

static void
cancelled_calls_say_nothing(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct rig *r = *state;
	struct reply p, kept;
	struct canned s;
	struct http_call *call;

	http_cancel(r->transport, NULL);
	canned_start(r, &s, answer, sizeof(answer) - 1, false);
	call = rig_start(r, &p, "GET", "/", NULL, 0);
	http_cancel(r->transport, call); /* before anything was sent */
	call = rig_start(r, &p, "GET", "/", NULL, 0);
	run_until(r, &s.accepted, 1);
	http_cancel(r->transport, call); /* in flight */
	call = rig_start(r, &p, "GET", "/", "x", 1);
	run_until(r, &s.requests, 1);
	http_cancel(r->transport, call); /* the answer is on its way */
	snprintf(r->url, sizeof(r->url), "bad");
	call = rig_start(r, &p, "GET", "/", NULL, 0);
	http_cancel(r->transport, call); /* was never going to start */
	run_for_ms(r, 30);
	assert_int_equal(p.done, 0);
	snprintf(r->url, sizeof(r->url), "http://127.0.0.1:%u", (unsigned)s.port);
	rig_call(r, &kept, "GET", "/", NULL, 0);
	assert_int_equal(kept.err, ERR_OK);
	assert_int_equal(p.done, 0);
	reply_free(&kept);
	canned_stop(&s);
}

struct chain {
	struct rig *rig;
	unsigned left, done;
	struct http_call *victim;
	struct reply unused;
};

/* From within done: start the next, cancel another. */
static void
on_chain(void *arg, const struct http_answer *a)
{
	struct chain *c = arg;
	struct http_request request = { .method = "GET", .url = c->rig->url };

	assert_int_equal(a->status, 200);
	http_cancel(c->rig->transport, c->victim);
	c->victim = NULL;
	c->done++;
	if (--c->left == 0)
		return;
	assert_non_null(http_start(c->rig->transport, &request, on_chain, c));
	c->victim = rig_start(c->rig, &c->unused, "GET", "/", NULL, 0);
}

static void
done_may_start_and_cancel(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct rig *r = *state;
	struct chain c = { .rig = r, .left = 30 };
	struct canned s;

	canned_start(r, &s, answer, sizeof(answer) - 1, false);
	assert_non_null(http_start(r->transport, &(struct http_request){ .method = "GET", .url = r->url }, on_chain, &c));
	run_until(r, &c.done, 30);
	reply_free(&c.unused);
	canned_stop(&s);
}

static void
on_last(void *arg, const struct http_answer *a)
{
	struct chain *c = arg;

	(void)a;
	c->done++;
	http_transport_free(c->rig->transport);
	c->rig->transport = NULL;
}

static void
done_may_free_the_transport(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct rig *r = *state;
	struct chain c = { .rig = r };
	struct reply other;
	struct canned s;

	canned_start(r, &s, answer, sizeof(answer) - 1, false);
	http_start(r->transport, &(struct http_request){ .method = "GET", .url = r->url }, on_last, &c);
	rig_start(r, &other, "GET", "/", NULL, 0);
	run_until(r, &c.done, 1);
	assert_null(r->transport);
	run_for_ms(r, 10);
	reply_free(&other);
	canned_stop(&s);
}

/* ---- TLS ---- */

static EVP_PKEY *
key_new(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_non_null(key);
	return key;
}

static void
extension_add(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
}

/* issuer NULL: signed by itself. */
static X509 *
certificate_new(const char *name, EVP_PKEY *key, const char *alternatives, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer != NULL ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject);
	X509_set_pubkey(cert, key);
	extension_add(cert, NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (alternatives != NULL)
		extension_add(cert, NID_subject_alt_name, alternatives);
	assert_true(X509_sign(cert, issuer != NULL ? issuer_key : key, EVP_sha256()) > 0);
	return cert;
}

struct pki {
	char ca[64], other_ca[64], good[64], wrong_name[64], key[64];
};

static void
pem_write(const char *path, X509 *cert, EVP_PKEY *key)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	if (cert != NULL)
		assert_int_equal(PEM_write_X509(f, cert), 1);
	if (key != NULL)
		assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(f), 0);
}

static void
pki_path(char ret[64], const char *name)
{
	snprintf(ret, 64, "/tmp/ergsync-test-%ld-%s.pem", (long)getpid(), name);
}

static void
pki_new(struct pki *p)
{
	EVP_PKEY *ca_key = key_new(), *other_key = key_new(), *key = key_new();
	X509 *ca = certificate_new("Test CA", ca_key, NULL, NULL, NULL);
	X509 *other = certificate_new("Other CA", other_key, NULL, NULL, NULL);
	X509 *good = certificate_new("server", key, "IP:127.0.0.1,DNS:localhost", ca, ca_key);
	X509 *wrong = certificate_new("server", key, "DNS:graph.example", ca, ca_key);

	pki_path(p->ca, "ca");
	pki_path(p->other_ca, "other");
	pki_path(p->good, "good");
	pki_path(p->wrong_name, "wrong");
	pki_path(p->key, "key");
	pem_write(p->ca, ca, NULL);
	pem_write(p->other_ca, other, NULL);
	pem_write(p->good, good, NULL);
	pem_write(p->wrong_name, wrong, NULL);
	pem_write(p->key, NULL, key);
	X509_free(ca);
	X509_free(other);
	X509_free(good);
	X509_free(wrong);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(key);
}

static void
pki_free(const struct pki *p)
{
	unlink(p->ca);
	unlink(p->other_ca);
	unlink(p->good);
	unlink(p->wrong_name);
	unlink(p->key);
}

static void
handle_hello(void *arg, struct http_exchange *x)
{
	struct rig *r = arg;
	size_t len;
	const char *body = http_exchange_body(x, &len);

	r->handled++;
	http_reply(x, 200, "text/plain", body, len, NULL);
}

/* A call to a TLS server with certificate, trusting only ca. */
static void
tls_call(
    struct rig *r, struct reply *p, const struct pki *pki, const char *certificate, const char *ca, const void *body, size_t len)
{
	http_transport_free(r->transport);
	assert_int_equal(curl_transport_new(r->base, ca, 2, &r->transport), ERR_OK);
	rig_serve(r, (struct http_server_options){ .tls_certificate = certificate, .tls_key = pki->key }, handle_hello);
	snprintf(r->url, sizeof(r->url), "https://127.0.0.1:%u", (unsigned)http_server_port(r->server, 0));
	rig_call(r, p, "POST", "/", body, len);
	http_server_free(r->server);
	r->server = NULL;
}

static void
tls_is_verified(void **state)
{
	struct rig *r = *state;
	struct reply p;
	struct pki pki;
	size_t len = 300000;
	char *body = malloc(len);

	memset(body, 'y', len);
	pki_new(&pki);
	tls_call(r, &p, &pki, pki.good, pki.ca, body, len);
	assert_int_equal(p.err, ERR_OK);
	assert_int_equal(p.body_len, len);
	assert_memory_equal(p.body, body, len);
	reply_free(&p);
	tls_call(r, &p, &pki, pki.good, pki.other_ca, NULL, 0);
	assert_int_equal(p.err, ERR_TLS);
	assert_int_not_equal(p.detail[0], '\0');
	reply_free(&p);
	tls_call(r, &p, &pki, pki.wrong_name, pki.ca, NULL, 0);
	assert_int_equal(p.err, ERR_TLS);
	reply_free(&p);
	tls_call(r, &p, &pki, pki.good, NULL, NULL, 0); /* the system's CAs do not know ours */
	assert_int_equal(p.err, ERR_TLS);
	reply_free(&p);
	tls_call(r, &p, &pki, pki.good, "/nonexistent.pem", NULL, 0);
	assert_int_equal(p.err, ERR_TLS);
	reply_free(&p);
	assert_int_equal(r->handled, 1);
	pki_free(&pki);
	free(body);
}

static void
tls_can_be_left_out_on_loopback(void **state)
{
	struct rig *r = *state;
	struct reply p;
	struct pki pki;
	struct raw c;

	pki_new(&pki);
	rig_serve(r,
	    (struct http_server_options){ .tls_certificate = pki.good, .tls_key = pki.key, .tls_only_beyond_loopback = true },
	    handle_hello);
	rig_call(r, &p, "GET", "/", NULL, 0);
	assert_int_equal(p.err, ERR_OK);
	reply_free(&p);
	http_server_free(r->server);

	/* And a TLS port does not talk to who does not. */
	rig_serve(r, (struct http_server_options){ .tls_certificate = pki.good, .tls_key = pki.key, .request_deadline_ms = 100 },
	    handle_hello);
	raw_open(r, &c);
	raw_send(&c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	run_until(r, &c.closed, 1);
	assert_null(strstr(c.got, "200"));
	raw_free(&c);
	raw_open(r, &c); /* silent in the handshake */
	run_until(r, &c.closed, 1);
	raw_free(&c);
	rig_call(r, &p, "GET", "/", NULL, 0);
	assert_int_equal(p.err, ERR_REMOTE);
	assert_int_equal(r->handled, 1);
	reply_free(&p);
	pki_free(&pki);
}

static void
keep_exchange(void *arg, struct http_exchange *x)
{
	struct rig *r = arg;

	r->handled++;
	r->kept = x;
}

static void
tls_server_freed_with_an_open_exchange(void **state)
{
	struct rig *r = *state;
	struct reply p;
	struct pki pki;

	pki_new(&pki);
	http_transport_free(r->transport);
	assert_int_equal(curl_transport_new(r->base, pki.ca, 2, &r->transport), ERR_OK);
	rig_serve(r, (struct http_server_options){ .tls_certificate = pki.good, .tls_key = pki.key }, keep_exchange);
	snprintf(r->url, sizeof(r->url), "https://localhost:%u", (unsigned)http_server_port(r->server, 0));
	rig_start(r, &p, "POST", "/", "x", 1);
	run_until(r, &r->handled, 1);
	http_server_free(r->server);
	r->server = NULL;
	run_until(r, &p.done, 1);
	assert_int_equal(p.status, 503);
	http_reply(r->kept, 200, NULL, NULL, 0, NULL);
	reply_free(&p);
	pki_free(&pki);
}

static void
hundred_at_once_over_few_connections(void **state)
{
	struct rig *r = *state;
	struct reply p[100];

	rig_serve(r, (struct http_server_options){ 0 }, handle_hello);
	for (unsigned i = 0; i < 100; i++)
		rig_start(r, &p[i], "POST", "/", &i, sizeof(i));
	for (unsigned i = 0; i < 100; i++) {
		run_until(r, &p[i].done, 1);
		assert_int_equal(p[i].status, 200);
		assert_memory_equal(p[i].body, &i, sizeof(i));
		reply_free(&p[i]);
	}
	assert_int_equal(r->handled, 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_of_all_kinds),
		TEST(request_is_sent_as_told),
		TEST(ceiling_of_the_body),
		TEST(inflated_bytes_count),
		TEST(ceilings_of_headers),
		TEST(silence_times_out),
		TEST(never_connected_is_unreachable),
		TEST(refused_and_unresolved),
		TEST(bad_requests_end_later_and_never_leave),
		TEST(cancelled_calls_say_nothing),
		TEST(done_may_start_and_cancel),
		TEST(done_may_free_the_transport),
		TEST(tls_is_verified),
		TEST(tls_can_be_left_out_on_loopback),
		TEST(tls_server_freed_with_an_open_exchange),
		TEST(hundred_at_once_over_few_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
