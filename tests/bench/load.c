/*
 * A load of HTTPS posts from one thread: the same body again and again over so many connections, each with one request at a time.
 *
 *	bench_load PORT CONNECTIONS SECONDS BODY_FILE keep|new|idle
 *
 * keep: connections stay; new: each post has its own; idle: one post a connection, then SECONDS of silence.
 * Prints one line of JSON: posts, other answers, broken connections, posts a second, latencies in microseconds (for "new" they
 * include connecting), how much of its core this process used: near 1 it is the limit, not the server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS      512
#define ANSWER_MAX  4096
#define SAMPLES_MAX 4000000

struct client {
	SSL *ssl;
	int fd;
	bool established;
	uint32_t waits_for;
	size_t sent, received;
	int64_t start_us;
	char answer[ANSWER_MAX];
};

static struct sockaddr_in server;
static SSL_CTX *ctx;
static int epoll_fd;
static char *request;
static size_t request_len;
static bool keep = true, idle;
static uint64_t posts, others, broken;
static uint32_t *samples;
static size_t sample_count;
static bool measuring;

static int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
wait_for(struct client *c, uint32_t what)
{
	struct epoll_event event = { .events = what, .data = { .ptr = c } };

	if (c->waits_for == what)
		return;
	if (epoll_ctl(epoll_fd, c->waits_for == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, c->fd, &event) != 0)
		die("epoll_ctl");
	c->waits_for = what;
}

static void
open_client(struct client *c)
{
	const int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		die("socket");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->start_us = now_us();
	if (connect(c->fd, (struct sockaddr *)&server, sizeof(server)) != 0 && errno != EINPROGRESS)
		die("connect");
	c->ssl = SSL_new(ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		die("SSL");
	SSL_set_connect_state(c->ssl);
	c->established = false;
	c->sent = c->received = 0;
	c->waits_for = 0;
	wait_for(c, EPOLLOUT);
}

static void
close_client(struct client *c)
{
	SSL_free(c->ssl);
	(void)close(c->fd);
}

static void
reopen(struct client *c)
{
	close_client(c);
	open_client(c);
}

/* Waits as OpenSSL asks; false when the connection broke. */
static bool
blocked(struct client *c, int result)
{
	switch (SSL_get_error(c->ssl, result)) {
	case SSL_ERROR_WANT_READ: wait_for(c, EPOLLIN); return true;
	case SSL_ERROR_WANT_WRITE: wait_for(c, EPOLLOUT); return true;
	default: ERR_clear_error(); return false;
	}
}

static bool
send_request(struct client *c)
{
	while (c->sent < request_len) {
		int n = SSL_write(c->ssl, request + c->sent, (int)(request_len - c->sent));

		if (n <= 0)
			return blocked(c, n);
		c->sent += (size_t)n;
	}
	wait_for(c, EPOLLIN);
	return true;
}

static size_t
answer_len(const struct client *c)
{
	const char *end = memmem(c->answer, c->received, "\r\n\r\n", 4), *field;

	if (end == NULL)
		return 0;
	field = memmem(c->answer, c->received, "ontent-", 7);
	while (field != NULL && field < end && strncasecmp(field + 7, "length:", 7) != 0)
		field = memmem(field + 7, c->received - (size_t)(field + 7 - c->answer), "ontent-", 7);
	return (size_t)(end + 4 - c->answer) + (field != NULL && field < end ? strtoul(field + 14, NULL, 10) : 0);
}

static bool
answered(struct client *c)
{
	int64_t now = now_us();

	if (strncmp(c->answer, "HTTP/1.1 202", 12) == 0)
		posts++;
	else
		others++;
	if (measuring && sample_count < SAMPLES_MAX)
		samples[sample_count++] = (uint32_t)(now - c->start_us);
	if (idle) {
		wait_for(c, EPOLLIN);
		return true;
	}
	if (!keep || memmem(c->answer, c->received, "onnection: close", 16) != NULL) {
		reopen(c);
		return true;
	}
	c->start_us = now;
	c->sent = c->received = 0;
	return send_request(c);
}

static bool
receive(struct client *c)
{
	for (;;) {
		int n = SSL_read(c->ssl, c->answer + c->received, (int)(ANSWER_MAX - c->received));
		size_t whole;

		if (n <= 0)
			return blocked(c, n);
		c->received += (size_t)n;
		whole = answer_len(c);
		if (whole > 0 && c->received >= whole)
			return answered(c);
	}
}

static void
step(struct client *c)
{
	bool fine = true;

	if (!c->established) {
		int n = SSL_do_handshake(c->ssl);

		c->established = n == 1;
		fine = n == 1 || blocked(c, n);
	}
	if (fine && c->established)
		fine = c->sent < request_len ? send_request(c) : receive(c);
	if (!fine) {
		broken++;
		reopen(c);
	}
}

static void
make_request(const char *file)
{
	static char body[2 << 20];
	FILE *f = fopen(file, "r");
	size_t len;

	if (f == NULL)
		die(file);
	len = fread(body, 1, sizeof(body), f);
	(void)fclose(f);
	request = malloc(len + 512);
	if (request == NULL)
		die("malloc");
	request_len = (size_t)sprintf(request,
	    "POST /graph/notifications HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nContent-Type: application/json; "
	    "charset=utf-8\r\n"
	    "%sContent-Length: %zu\r\n\r\n",
	    keep ? "" : "Connection: close\r\n", len);
	memcpy(request + request_len, body, len);
	request_len += len;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t
percentile(double p)
{
	return sample_count == 0 ? 0 : samples[(size_t)((double)(sample_count - 1) * p)];
}

static void
run_until(int64_t end_us)
{
	struct epoll_event events[EVENTS];

	while (now_us() < end_us) {
		int n = epoll_wait(epoll_fd, events, EVENTS, 50);

		for (int i = 0; i < n; i++)
			step(events[i].data.ptr);
	}
}

static double
cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static SSL_CTX *
make_context(void)
{
	SSL_CTX *made = SSL_CTX_new(TLS_client_method());

	if (made == NULL)
		die("SSL_CTX");
	/* One offer of each kind, that all servers take: a client that spends as long on its hello as on its key is the limit itself. */
	if (SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256") != 1 || SSL_CTX_set1_groups_list(made, "X25519") != 1 ||
	    SSL_CTX_set1_sigalgs_list(made, "ECDSA+SHA256") != 1)
		die("TLS 1.3");
	/* The certificate is made for this run: not checked, but the handshake is a full one. */
	SSL_CTX_set_verify(made, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(made, 1);
	SSL_CTX_set_options(made, SSL_OP_IGNORE_UNEXPECTED_EOF);
	return made;
}

int
main(int argc, char **argv)
{
	struct client *clients;
	double cpu_s;
	int64_t start_us, took_us, seconds;
	uint64_t before;
	size_t count;

	if (argc != 6) {
		(void)fprintf(stderr, "usage: bench_load PORT CONNECTIONS SECONDS BODY_FILE keep|new|idle\n");
		return 2;
	}
	count = strtoul(argv[2], NULL, 10);
	seconds = strtol(argv[3], NULL, 10);
	keep = strcmp(argv[5], "new") != 0;
	idle = strcmp(argv[5], "idle") == 0;
	server = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	make_request(argv[4]);
	ctx = make_context();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	clients = calloc(count, sizeof(*clients));
	samples = malloc(SAMPLES_MAX * sizeof(*samples));
	if (epoll_fd < 0 || clients == NULL || samples == NULL)
		die("bench_load");
	for (size_t i = 0; i < count; i++)
		open_client(&clients[i]);
	/* Handshakes and the first second are not measured. */
	run_until(now_us() + 1000000);
	if (idle) {
		(void)printf("{\"posts\":%llu,\"others\":%llu,\"broken\":%llu}\n", (unsigned long long)posts,
		    (unsigned long long)others, (unsigned long long)broken);
		(void)fflush(stdout);
		run_until(now_us() + seconds * 1000000);
		return 0;
	}
	(void)printf("measuring\n");
	(void)fflush(stdout);
	measuring = true;
	before = posts;
	cpu_s = cpu_seconds();
	start_us = now_us();
	run_until(start_us + seconds * 1000000);
	took_us = now_us() - start_us;
	cpu_s = cpu_seconds() - cpu_s;
	qsort(samples, sample_count, sizeof(*samples), compare);
	(void)printf("{\"posts\":%llu,\"others\":%llu,\"broken\":%llu,\"per_second\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":"
	             "%u,\"client_busy\":%.2f}\n",
	    (unsigned long long)(posts - before), (unsigned long long)others, (unsigned long long)broken,
	    (double)(posts - before) * 1e6 / (double)took_us, percentile(0.5), percentile(0.99), percentile(1.0),
	    cpu_s / ((double)took_us / 1e6));
	for (size_t i = 0; i < count; i++)
		close_client(&clients[i]);
	SSL_CTX_free(ctx);
	free(clients);
	free(samples);
	free(request);
	return 0;
}
