#include "state/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "state/examine.h"
#include "state/stale.h"

/* ---------- starts ---------- */

/* A byte for each start that was not taken back. */
static void
starts_path(const char *directory, char ret[PATH_MAX])
{
	(void)snprintf(ret, PATH_MAX, "%s/starts", directory);
}

/* How many there were before this one. */
static unsigned
starts_note(const char *directory)
{
	char path[PATH_MAX];
	struct stat st = { 0 };
	int fd;

	starts_path(directory, path);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return 0;
	if (fstat(fd, &st) != 0 || write(fd, "x", 1) != 1)
		st.st_size = 0;
	(void)close(fd);
	return st.st_size > 0 && st.st_size < INT_MAX ? (unsigned)st.st_size : 0;
}

void
rescue_settled(const char *directory)
{
	char path[PATH_MAX];

	starts_path(directory, path);
	(void)unlink(path);
}

/* ---------- setting aside ---------- */

static bool
file_is_damaged(const char *directory)
{
	char path[PATH_MAX];
	struct examined x;
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/data.mdb", directory);
	if (stat(path, &st) != 0)
		return false;
	examine(directory, false, (uint64_t)st.st_size, NULL, &x);
	return x.err == ERR_CORRUPT;
}

static enum err
set_aside(const char *directory, int64_t now_wall_ms, char *ret_aside, char *why, size_t why_size)
{
	time_t now = (time_t)(now_wall_ms / 1000);
	char when[32];
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	(void)snprintf(ret_aside, PATH_MAX, "%s.damaged-%s", directory, when);
	if (rename(directory, ret_aside) == 0)
		return ERR_OK;
	(void)snprintf(why, why_size, "the damaged store %s cannot be set aside: %s", directory, strerror(errno));
	ret_aside[0] = '\0';
	return ERR_IO;
}

static enum err
begin_anew(const struct store_options *options, struct store **ret, char *ret_aside, char *why, size_t why_size)
{
	int64_t now_ms = clock_wall_ms(options->clock);
	enum err e = set_aside(options->directory, now_ms, ret_aside, why, why_size);

	if (e != ERR_OK)
		return e;
	log_put(LOG_ERROR, "store_set_aside", LS("as", ret_aside));
	if ((e = store_open(options, ret, why, why_size)) == ERR_OK)
		stale_mark(*ret, STALE_REBUILT, now_ms);
	return e;
}

enum err
rescue_open(const struct store_options *options, struct store **ret, char *ret_aside, char *why, size_t why_size)
{
	bool exists = access(options->directory, F_OK) == 0, damaged;
	enum err e;

	ret_aside[0] = '\0';
	damaged = exists && starts_note(options->directory) >= RESCUE_STARTS && file_is_damaged(options->directory);
	if (!damaged && (e = store_open(options, ret, why, why_size)) != ERR_CORRUPT) {
		/* Refused for a reason: that is no sign of damage. */
		if (e != ERR_OK)
			rescue_settled(options->directory);
		return e;
	}
	return begin_anew(options, ret, ret_aside, why, why_size);
}
