/*
 * http_listen.h - listening sockets, bound by ourselves. For net/ only.
 *
 * evhttp would bind with a backlog of 128, without TCP_NODELAY (40 ms a response over TLS, for header and
 * body leave as two records) and knows no Unix sockets. Here: backlog 1024, close-on-exec, non-blocking.
 */
#ifndef NET_HTTP_LISTEN_H
#define NET_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct listen_address;

struct listen_socket {
	int fd;         /* the caller closes it */
	uint16_t port;  /* as bound; 0 for a Unix socket */
	char path[108]; /* "" for TCP */
	dev_t device;   /* which file is ours: another process may have replaced it since */
	ino_t inode;
};

/*
 * A socket file nobody answers on is replaced; one that answers, or a file of another kind, is left alone
 * (ERR_BUSY, ERR_EXISTS). why says which address failed and what to do.
 */
enum err
listen_socket_open(const struct listen_address *address, int unix_mode, struct listen_socket *ret, char *why, size_t why_size);
/* False when the file of a Unix socket has gone, so that nobody new can connect. */
bool listen_socket_is_there(const struct listen_socket *s);
/* Removes the file of a Unix socket if it is still ours. The descriptor is not closed. */
void listen_socket_unlink(const struct listen_socket *s);

#endif
