/* What a process does first, and what libsystemd would tell and hear. */
#include "base/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/base/check.h"

static char folder[64];

static int
folder_make(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ergsync_test_service_XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
folder_drop(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void
makes_missing_parents_only(void **state)
{
	char path[128], parent[128], grandparent[128];
	struct stat st;

	(void)state;
	(void)snprintf(grandparent, sizeof(grandparent), "%s/a", folder);
	(void)snprintf(parent, sizeof(parent), "%s/a/b", folder);
	(void)snprintf(path, sizeof(path), "%s/a/b/file", folder);
	assert_int_equal(make_directories(path), 0);
	assert_int_equal(make_directories(path), 0);
	assert_int_equal(stat(parent, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(path, &st), -1);
	(void)snprintf(path, sizeof(path), "%s/a/b/c/", folder);
	assert_int_equal(make_directories(path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(parent), 0);
	assert_int_equal(rmdir(grandparent), 0);
	assert_int_equal(make_directories("/proc/nonexistent/x/y"), -1);
}

static void
hardens(void **state)
{
	struct rlimit limit;
	mode_t mask;

	(void)state;
	process_harden();
	mask = umask(0);
	(void)umask(mask);
	assert_int_equal(mask, 077);
	assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
	assert_true(limit.rlim_cur <= 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, limit.rlim_max);
	assert_int_equal(kill(getpid(), SIGPIPE), 0); /* survived */
}

/* Also afterwards: what is read while it serves asks for nothing. */
static void
asks_for_time_while_it_starts(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char message[200];

	(void)state;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)setenv("NOTIFY_SOCKET", address.sun_path, 1);
	for (int i = 0; i < 1000; i++)
		service_starting();
	assert_int_equal(recv(fd, message, sizeof(message), MSG_DONTWAIT), strlen("EXTEND_TIMEOUT_USEC=60000000"));
	assert_memory_equal(message, "EXTEND_TIMEOUT_USEC=60000000", strlen("EXTEND_TIMEOUT_USEC=60000000"));
	assert_int_equal(recv(fd, message, sizeof(message), MSG_DONTWAIT), -1);
	service_ready("serving");
	assert_true(recv(fd, message, sizeof(message), MSG_DONTWAIT) > 0);
	service_starting();
	assert_int_equal(recv(fd, message, sizeof(message), MSG_DONTWAIT), -1);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)close(fd);
	(void)unlink(address.sun_path);
}

static void
does_nothing_outside_systemd(void **state)
{
	int fds[4];

	(void)state;
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("LISTEN_FDS");
	service_ready("x");
	service_status("x");
	service_reloading();
	service_stopping();
	service_watchdog_ping();
	assert_int_equal(service_watchdog_ms(), 0);
	assert_int_equal(service_sockets(fds, COUNT(fds)), 0);
}

static void
tells_the_service_manager(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char message[200];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t len;

	(void)state;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)setenv("NOTIFY_SOCKET", address.sun_path, 1);
	service_ready("listening");
	len = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);
	assert_true(len > 0);
	message[len] = '\0';
	assert_string_equal(message, "READY=1\nSTATUS=listening");
	service_reloading();
	len = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);
	assert_true(len > 0);
	message[len] = '\0';
	assert_non_null(strstr(message, "RELOADING=1\nMONOTONIC_USEC="));

	(void)setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(service_watchdog_ms(), 15000);
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("NOTIFY_SOCKET");
	(void)close(fd);
	(void)unlink(address.sun_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(makes_missing_parents_only, folder_make, folder_drop),
		cmocka_unit_test(hardens),
		cmocka_unit_test_setup_teardown(asks_for_time_while_it_starts, folder_make, folder_drop),
		cmocka_unit_test(does_nothing_outside_systemd),
		cmocka_unit_test_setup_teardown(tells_the_service_manager, folder_make, folder_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
