/* The peer socket: one wake-up for a burst, messages to their places, one listener a directory. */
#include "listener/link.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "listener/metrics.h"

struct desk {
	char directory[64];
	struct event_base *base;
	struct clock *clock;
	struct metrics metrics;
	struct link *link;
	struct sockaddr_un own, peer; /* the reconciler's, the listener's */
	int fd;                       /* the reconciler's socket; -1 while it is not running */
	uint64_t consumed;
};

static void
on_consumed(void *arg, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t consumed)
{
	struct desk *d = arg;

	assert_int_equal(epoch[0], 9);
	d->consumed = consumed;
}

static void
on_stats(void *arg, struct text *ret)
{
	(void)arg;
	text_adds(ret, "a_metric 1\n");
}

static enum err
open_link(struct desk *d, struct link **ret, char why[256])
{
	const struct link_host host = { on_consumed, on_stats, d };

	return link_new(d->base, d->clock, d->directory, &host, &d->metrics, ret, why, 256);
}

static void
start_reconciler(struct desk *d)
{
	d->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(d->fd, (struct sockaddr *)&d->own, sizeof(d->own)), 0);
}

static void
stop_reconciler(struct desk *d)
{
	(void)close(d->fd);
	(void)unlink(d->own.sun_path);
	d->fd = -1;
}

static void
open_desk(struct desk *d)
{
	char why[256];

	memset(d, 0, sizeof(*d));
	(void)snprintf(d->directory, sizeof(d->directory), "/tmp/ergsync-link-XXXXXX");
	assert_non_null(mkdtemp(d->directory));
	d->own.sun_family = d->peer.sun_family = AF_UNIX;
	(void)snprintf(d->own.sun_path, sizeof(d->own.sun_path), "%s/%s", d->directory, PEER_RECONCILER_SOCKET);
	(void)snprintf(d->peer.sun_path, sizeof(d->peer.sun_path), "%s/%s", d->directory, PEER_LISTENER_SOCKET);
	d->base = event_base_new();
	d->clock = clock_new_manual(0);
	assert_int_equal(open_link(d, &d->link, why), ERR_OK);
	start_reconciler(d);
}

static void
close_desk(struct desk *d)
{
	link_free(d->link);
	stop_reconciler(d);
	clock_free(d->clock);
	event_base_free(d->base);
	assert_int_equal(rmdir(d->directory), 0); /* so the socket has gone */
}

/* How many wake-ups wait in the reconciler's socket. */
static unsigned
wakes(struct desk *d)
{
	struct peer_message m;
	char data[256];
	unsigned count = 0;
	ssize_t n;

	while ((n = recv(d->fd, data, sizeof(data), 0)) >= 0) {
		assert_int_equal(peer_decode(data, (size_t)n, &m), ERR_OK);
		assert_int_equal(m.kind, PEER_WAKE);
		count++;
	}
	return count;
}

static void
tell(struct desk *d, const void *data, size_t len)
{
	assert_int_equal(sendto(d->fd, data, len, 0, (struct sockaddr *)&d->peer, sizeof(d->peer)), len);
	(void)event_base_loop(d->base, EVLOOP_NONBLOCK);
}

static void
test_wakes(void **state)
{
	struct desk d;

	(void)state;
	open_desk(&d);
	link_wake(d.link);
	assert_int_equal(wakes(&d), 1);
	for (int i = 0; i < 100; i++)
		link_wake(d.link);
	assert_int_equal(wakes(&d), 0);
	clock_manual_advance(d.clock, LINK_WAKE_MS);
	assert_int_equal(wakes(&d), 1);
	clock_manual_advance(d.clock, 10 * LINK_WAKE_MS);
	assert_int_equal(wakes(&d), 0);
	link_wake(d.link);
	assert_int_equal(wakes(&d), 1);
	close_desk(&d);
}

static void
test_nobody_there(void **state)
{
	struct desk d;

	(void)state;
	open_desk(&d);
	stop_reconciler(&d);
	link_wake(d.link);
	assert_int_equal(d.metrics.counts[METRIC_WAKES_FAILED], 1);
	clock_manual_advance(d.clock, LINK_WAKE_MS);
	start_reconciler(&d);
	link_wake(d.link);
	assert_int_equal(wakes(&d), 1);
	close_desk(&d);
}

static void
test_messages(void **state)
{
	const struct peer_message consumed = { .kind = PEER_CONSUMED, .epoch = { 9 }, .consumed = 77 };
	const struct peer_message request = { .kind = PEER_STATS_REQUEST };
	struct peer_message m;
	char data[1024];
	struct desk d;
	size_t len;
	ssize_t n;

	(void)state;
	open_desk(&d);
	assert_int_equal(peer_encode(&consumed, data, sizeof(data), &len), ERR_OK);
	tell(&d, data, len);
	assert_int_equal(d.consumed, 77);
	memset(data, 'x', sizeof(data));
	tell(&d, data, sizeof(data));
	tell(&d, "", 0);
	tell(&d, "ergsync/1 wake", 14);
	assert_int_equal(peer_encode(&request, data, sizeof(data), &len), ERR_OK);
	tell(&d, data, len);
	n = recv(d.fd, data, sizeof(data), 0);
	assert_true(n > 0);
	assert_int_equal(peer_decode(data, (size_t)n, &m), ERR_OK);
	assert_int_equal(m.kind, PEER_STATS);
	assert_memory_equal(m.text, "a_metric 1\n", m.text_len);
	close_desk(&d);
}

static void
test_one_a_directory(void **state)
{
	struct link *second = NULL;
	char why[256] = "";
	struct desk d;

	(void)state;
	open_desk(&d);
	assert_int_equal(open_link(&d, &second, why), ERR_BUSY);
	assert_non_null(strstr(why, "another ergsync-listener is running"));
	link_wake(d.link); /* the first is unharmed */
	assert_int_equal(wakes(&d), 1);
	close_desk(&d);
}

/* A name left by a process that was killed is in nobody's way. */
static void
test_stale_name(void **state)
{
	struct desk d;
	char why[256];
	int fd;

	(void)state;
	open_desk(&d);
	link_free(d.link);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&d.peer, sizeof(d.peer)), 0);
	(void)close(fd);
	assert_int_equal(open_link(&d, &d.link, why), ERR_OK);
	close_desk(&d);
}

/* Somebody has cleaned the directory, or taken it away. */
static void
test_mended(void **state)
{
	const struct peer_message consumed = { .kind = PEER_CONSUMED, .epoch = { 9 }, .consumed = 5 };
	char data[64], why[256];
	struct desk d;
	bool anew;
	size_t len;

	(void)state;
	open_desk(&d);
	assert_int_equal(link_mend(d.link, &anew, why, sizeof(why)), ERR_OK);
	assert_false(anew);
	assert_int_equal(unlink(d.peer.sun_path), 0);
	stop_reconciler(&d);
	assert_int_equal(rmdir(d.directory), 0);
	assert_int_equal(link_mend(d.link, &anew, why, sizeof(why)), ERR_IO);
	assert_non_null(strstr(why, d.peer.sun_path));
	assert_int_equal(mkdir(d.directory, 0700), 0);
	start_reconciler(&d);
	assert_int_equal(link_mend(d.link, &anew, why, sizeof(why)), ERR_OK);
	assert_true(anew);
	assert_int_equal(peer_encode(&consumed, data, sizeof(data), &len), ERR_OK);
	tell(&d, data, len);
	assert_int_equal(d.consumed, 5);
	link_wake(d.link);
	assert_int_equal(wakes(&d), 1);
	close_desk(&d);
}

static void
test_unusable_directory(void **state)
{
	struct link *link = NULL;
	char why[256], before[64];
	struct desk d;

	(void)state;
	open_desk(&d);
	memcpy(before, d.directory, sizeof(before));
	memset(d.directory, 'a', sizeof(d.directory) - 1);
	d.directory[0] = '/';
	assert_int_not_equal(open_link(&d, &link, why), ERR_OK);
	assert_true(strlen(why) > 0);
	memcpy(d.directory, before, sizeof(before));
	close_desk(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wakes),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_one_a_directory),
		cmocka_unit_test(test_stale_name),
		cmocka_unit_test(test_mended),
		cmocka_unit_test(test_unusable_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
