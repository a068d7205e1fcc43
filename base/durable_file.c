#include "base/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
durable_file_write(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* Syncs, closes in any case, and leaves errno as the first failure set it. */
static bool
sync_and_close(int fd)
{
	bool ok = fsync(fd) == 0;
	int error = errno;

	(void)close(fd);
	errno = error;
	return ok;
}

bool
durable_file_sync_folder(const char *path)
{
	char folder[PATH_MAX], *slash;
	int fd;

	if ((size_t)snprintf(folder, sizeof(folder), "%s", path) >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return false;
	}
	if ((slash = strrchr(folder, '/')) != NULL)
		slash[slash == folder] = '\0'; /* of "/x" the slash stays */
	fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && sync_and_close(fd);
}

bool
durable_file_replace(const char *path, const char *fresh, const void *data, size_t len, const struct stat *like)
{
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return false;
	if (!durable_file_write(fd, data, len) ||
	    (like != NULL &&
	        ((geteuid() == 0 && fchown(fd, like->st_uid, like->st_gid) != 0) || fchmod(fd, like->st_mode & 0777) != 0))) {
		int error = errno;

		(void)close(fd);
		errno = error;
		return false;
	}
	return sync_and_close(fd) && rename(fresh, path) == 0 && durable_file_sync_folder(path);
}
