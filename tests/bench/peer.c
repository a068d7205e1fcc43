/*
 * Plays the reconciler on the sockets of a running listener.
 *
 *	bench_peer RUNTIME_DIR stats                        prints the listener's metrics
 *	bench_peer RUNTIME_DIR consume INBOX_DIR KEY_FILE   answers each wake-up with "consumed" up to the last record, until SIGTERM
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/config.h"
#include "model/peer.h"
#include "state/inbox.h"

static struct sockaddr_un
address(const char *directory, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", directory, name);
	return a;
}

static int
open_socket(const char *directory, const char *name)
{
	struct sockaddr_un own = address(directory, name), peer = address(directory, PEER_LISTENER_SOCKET);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)unlink(own.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) != 0 ||
	    connect(fd, (struct sockaddr *)&peer, sizeof(peer)) != 0) {
		perror("bench_peer");
		exit(1);
	}
	return fd;
}

static void
send_message(int fd, const struct peer_message *m)
{
	char data[256];
	size_t len;

	if (peer_encode(m, data, sizeof(data), &len) != ERR_OK || send(fd, data, len, 0) < 0)
		perror("bench_peer");
}

static int
print_stats(const char *directory)
{
	static char data[PEER_MESSAGE_MAX];
	const struct peer_message request = { .kind = PEER_STATS_REQUEST };
	struct peer_message m;
	char name[64];
	int fd;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "stats-%d.sock", (int)getpid());
	fd = open_socket(directory, name);
	send_message(fd, &request);
	n = poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000) == 1 ? recv(fd, data, sizeof(data), 0) : -1;
	(void)unlink(address(directory, name).sun_path);
	if (n < 0 || peer_decode(data, (size_t)n, &m) != ERR_OK || m.kind != PEER_STATS) {
		(void)fprintf(stderr, "bench_peer: no answer\n");
		return 1;
	}
	(void)printf("%.*s", (int)m.text_len, m.text);
	return 0;
}

static int
consume(const char *directory, const char *inbox_directory, const char *key_file)
{
	struct peer_message consumed = { .kind = PEER_CONSUMED };
	int fd = open_socket(directory, PEER_RECONCILER_SOCKET);
	struct inbox_stats stats;
	struct inbox *inbox = NULL;
	struct key32 key;
	char why[256] = "", data[256];

	if (key_file_read(key_file, &key, why, sizeof(why)) != ERR_OK ||
	    inbox_open(inbox_directory, INBOX_READER, 0, &key, &inbox, why, sizeof(why)) != ERR_OK) {
		(void)fprintf(stderr, "bench_peer: %s\n", why);
		return 1;
	}
	while (recv(fd, data, sizeof(data), 0) > 0) {
		if (inbox_epoch(inbox, consumed.epoch) != ERR_OK || inbox_stats(inbox, &stats) != ERR_OK ||
		    stats.last < stats.first)
			continue;
		consumed.consumed = stats.last;
		send_message(fd, &consumed);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[2], "stats") == 0)
		return print_stats(argv[1]);
	if (argc == 5 && strcmp(argv[2], "consume") == 0)
		return consume(argv[1], argv[3], argv[4]);
	(void)fprintf(stderr, "usage: bench_peer RUNTIME_DIR stats | bench_peer RUNTIME_DIR consume INBOX_DIR KEY_FILE\n");
	return 2;
}
