/* service.c - libsystemd's notifications, and what a process does first. */
#include "base/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define ASK_EVERY_S 5
#define ASK_FOR_S   60

static bool is_ready;

void
service_starting(void)
{
	static time_t asked_s;
	struct timespec now;

	if (is_ready)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (asked_s != 0 && now.tv_sec - asked_s < ASK_EVERY_S)
		return;
	asked_s = now.tv_sec;
	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%d", ASK_FOR_S * 1000000);
}

void
service_ready(const char *status)
{
	is_ready = true;
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void
service_status(const char *status)
{
	(void)sd_notifyf(0, "STATUS=%s", status);
}

/* Type=notify-reload wants the instant the reload began, to tell it from an earlier one. */
void
service_reloading(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void
service_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

int64_t
service_watchdog_ms(void)
{
	uint64_t period_us;

	if (sd_watchdog_enabled(0, &period_us) <= 0)
		return 0;
	return period_us < 2000 ? 1 : (int64_t)(period_us / 2000);
}

void
service_watchdog_ping(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

size_t
service_sockets(int *ret, size_t max)
{
	int count = sd_listen_fds(0); /* sets close-on-exec */
	size_t found = 0;

	for (int i = 0; i < count && found < max; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0)
			ret[found++] = fd;
	}
	return found;
}

static void
rlimit_set_core(void)
{
	/* 1, not 0: Linux ignores 0 when core_pattern is a pipe, and 1 is too small for any dump to a file. */
	const struct rlimit core = { 1, 1 };

	(void)setrlimit(RLIMIT_CORE, &core);
}

static void
rlimit_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

void
process_harden(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(077);
	rlimit_set_core();
	rlimit_raise_files();
}

int
make_directories(const char *path)
{
	char *copy = strdup(path);
	int failed = copy == NULL;

	for (char *p = copy; !failed && *p != '\0'; p++) {
		if (*p != '/' || p == copy)
			continue;
		*p = '\0';
		failed = mkdir(copy, 0700) != 0 && errno != EEXIST;
		*p = '/';
	}
	free(copy);
	return failed ? -1 : 0;
}

int
make_runtime_directory(const char *path)
{
	if (make_directories(path) != 0)
		return -1;
	if (mkdir(path, 0700) == 0)
		return chmod(path, 0750); /* past the umask */
	return errno == EEXIST ? 0 : -1;
}
