/*
 * Binding and listening. A Unix socket gets its mode between bind and listen, when nobody can connect yet.
 */
#include "net/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/address.h"
#include "base/text.h"

#define BACKLOG 1024 /* a burst of local callers; the kernel cuts it at net.core.somaxconn */

static enum err
err_of_errno(int number)
{
	switch (number) {
	case EADDRINUSE: return ERR_BUSY;
	case EACCES:
	case EPERM: return ERR_FORBIDDEN;
	case ENOMEM:
	case ENOBUFS: return ERR_NOMEM;
	case EMFILE:
	case ENFILE: return ERR_FULL;
	default: return ERR_IO;
	}
}

/* Whether somebody accepts connections on a socket file. */
static bool
socket_is_served(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool refused;

	if (fd < 0)
		return true;
	/* Anything but a clear refusal (a full backlog, a missing permission) may be a living server. */
	refused = connect(fd, (const struct sockaddr *)name, sizeof(*name)) != 0 && (errno == ECONNREFUSED || errno == ENOENT);
	close(fd);
	return !refused;
}

static enum err
stale_socket_remove(const struct sockaddr_un *name, char *why, size_t why_size)
{
	struct stat st;

	if (lstat(name->sun_path, &st) != 0)
		return ERR_OK;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, why_size, "unix:%s: a file that is not a socket is in the way; remove it", name->sun_path);
		return ERR_EXISTS;
	}
	if (socket_is_served(name)) {
		snprintf(why, why_size, "unix:%s: another process listens here; stop it or choose another path", name->sun_path);
		return ERR_BUSY;
	}
	if (unlink(name->sun_path) != 0 && errno != ENOENT) {
		snprintf(why, why_size, "unix:%s: cannot remove the stale socket: %s", name->sun_path, strerror(errno));
		return err_of_errno(errno);
	}
	return ERR_OK;
}

static enum err
unix_listen(int fd, const struct sockaddr_un *name, int mode, struct listen_socket *ret)
{
	struct stat st;

	if (bind(fd, (const struct sockaddr *)name, sizeof(*name)) != 0)
		return ERR_IO;
	if (chmod(name->sun_path, (mode_t)mode) != 0 || lstat(name->sun_path, &st) != 0 || listen(fd, BACKLOG) != 0) {
		int kept = errno;

		unlink(name->sun_path);
		errno = kept;
		return ERR_IO;
	}
	ret->device = st.st_dev;
	ret->inode = st.st_ino;
	ret->fd = fd;
	return ERR_OK;
}

static const char *
listen_advice(int error)
{
	switch (error) {
	case EADDRINUSE: return "the port is in use: stop the other program or choose another";
	case EACCES: return "not permitted: choose a port from 1024 on, and for a Unix socket a folder that may be written to";
	case EADDRNOTAVAIL: return "this machine does not have that address";
	case ENOENT: return "its folder does not exist";
	default: return strerror(error);
	}
}

static enum err
unix_open(const char *path, int mode, struct listen_socket *ret, char *why, size_t why_size)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	enum err e;
	int fd;

	if (!str_copy(name.sun_path, sizeof(name.sun_path), path) || !str_copy(ret->path, sizeof(ret->path), path)) {
		snprintf(why, why_size, "unix:%s: the path is longer than %zu bytes", path, sizeof(name.sun_path) - 1);
		return ERR_INVALID;
	}
	if ((e = stale_socket_remove(&name, why, why_size)) != ERR_OK)
		return e;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && unix_listen(fd, &name, mode, ret) == ERR_OK)
		return ERR_OK;
	e = err_of_errno(errno);
	snprintf(why, why_size, "unix:%s: cannot listen: %s", path, listen_advice(errno));
	if (fd >= 0)
		close(fd);
	return e;
}

static bool
tcp_listen(int fd, const struct addrinfo *ai)
{
	const int on = 1;

	/* TCP_NODELAY on the listener is handed on to what it accepts. */
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	       (ai->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	       bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
}

static uint16_t
port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} name = { .v6 = { 0 } };
	socklen_t len = sizeof(name);

	if (getsockname(fd, &name.any, &len) != 0)
		return 0;
	return ntohs(name.any.sa_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
}

static enum err
tcp_open(const struct listen_address *a, struct listen_socket *ret, char *why, size_t why_size)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char port[8];
	enum err e = ERR_OK;
	int rc, fd;

	snprintf(port, sizeof(port), "%u", (unsigned)a->port);
	if ((rc = getaddrinfo(a->host, port, &hints, &found)) != 0) {
		snprintf(why, why_size, "%s:%s: no such address: %s", a->host, port, gai_strerror(rc));
		return ERR_INVALID;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && tcp_listen(fd, found)) {
		ret->fd = fd;
		ret->port = port_of(fd);
	} else {
		e = err_of_errno(errno);
		snprintf(why, why_size, "%s:%s: cannot listen: %s", a->host, port, listen_advice(errno));
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(found);
	return e;
}

enum err
listen_socket_open(const struct listen_address *address, int unix_mode, struct listen_socket *ret, char *why, size_t why_size)
{
	*ret = (struct listen_socket){ .fd = -1 };
	if (address->is_unix)
		return unix_open(address->host, unix_mode, ret, why, why_size);
	return tcp_open(address, ret, why, why_size);
}

bool
listen_socket_is_there(const struct listen_socket *s)
{
	struct stat st;

	return s->path[0] == '\0' || lstat(s->path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

void
listen_socket_unlink(const struct listen_socket *s)
{
	struct stat st;

	if (s->path[0] != '\0' && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		unlink(s->path);
}
