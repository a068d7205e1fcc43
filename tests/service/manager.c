/*
 * manager.c - what a service manager does for a daemon, and no more: passes it a listening socket, hears its notifications, restarts
 * it. For tests, where no systemd runs.
 *
 * usage: manager [--listen PORT] [--watchdog MS] [--journal 1] -- PROGRAM ARGUMENT...
 *   Commands on standard input, one a line: restart (SIGTERM, and a new one when it has ended), signal NUMBER, freeze TID and
 *   thaw TID (one thread of the daemon, by ptrace), stop. What happens is told on standard output: started PID, notify TEXT,
 *   exited STATUS, killed SIGNAL, frozen TID, thawed TID. The end of standard input kills it.
 *   With --journal, which needs root, it is the journal, too: in a mount namespace of its own, where nobody else sees that. Each
 *   entry is told as journal FIELDS, with tabs between them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* As ergsync-listener.socket has it. */
#define BACKLOG      4096
#define PASSED_FD    3
#define MESSAGE_SIZE 32768
#define NOTIFY_NAME  "@ergsync-test-%d"
/* Where libsystemd looks for it. */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct manager {
	char *const *program;
	int port, watchdog_ms, journal;
	int listen_fd, notify_fd, signal_fd, journal_fd;
	pid_t child;
	bool restart;
};

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
	(void)fflush(stdout);
}

/* --- opening --- */

static int
listen_open(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0)
		die("listen");
	return fd;
}

/* An abstract datagram socket: no file to clean up. */
static int
notify_open(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int len = snprintf(address.sun_path, sizeof(address.sun_path), NOTIFY_NAME, (int)getpid());

	address.sun_path[0] = '\0';
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)) != 0)
		die("notify socket");
	return fd;
}

static int
journal_open(void)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/run", "tmpfs", MS_NOSUID | MS_NODEV, NULL) != 0 || mkdir("/run/systemd", 0755) != 0 ||
	    mkdir("/run/systemd/journal", 0755) != 0 || fd < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		die("journal socket");
	return fd;
}

static int
signals_open(void)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || (fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		die("signals");
	return fd;
}

/* --- the daemon --- */

static void
put_number(const char *name, long number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%ld", number);
	if (setenv(name, text, 1) != 0)
		die("setenv");
}

/* As systemd.exec(5) has it: what standard error is. */
static void
put_journal_stream(void)
{
	char text[64];
	struct stat st;

	if (fstat(STDERR_FILENO, &st) != 0)
		die("fstat");
	(void)snprintf(text, sizeof(text), "%lu:%lu", (unsigned long)st.st_dev, (unsigned long)st.st_ino);
	(void)setenv("JOURNAL_STREAM", text, 1);
}

static void __attribute__((noreturn)) become(const struct manager *m, pid_t manager)
{
	char name[64];
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)snprintf(name, sizeof(name), NOTIFY_NAME, (int)manager);
	(void)setenv("NOTIFY_SOCKET", name, 1);
	if (m->watchdog_ms > 0)
		put_number("WATCHDOG_USEC", (long)m->watchdog_ms * 1000);
	if (m->listen_fd >= 0) {
		put_number("LISTEN_FDS", 1);
		put_number("LISTEN_PID", getpid());
		/* dup2 to itself would leave close-on-exec set. */
		if (m->listen_fd == PASSED_FD ? fcntl(PASSED_FD, F_SETFD, 0) < 0 : dup2(m->listen_fd, PASSED_FD) < 0)
			die("pass the socket");
	}
	if (m->journal_fd >= 0)
		put_journal_stream();
	execv(m->program[0], m->program);
	die(m->program[0]);
}

static void
start(struct manager *m)
{
	pid_t manager = getpid();

	m->restart = false;
	if ((m->child = fork()) < 0)
		die("fork");
	if (m->child == 0)
		become(m, manager);
	tell("started %d", (int)m->child);
}

/* False when there is nothing left to manage. */
static bool
on_child(struct manager *m)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(m->signal_fd, &info, sizeof(info)) > 0) {
	}
	/* A frozen thread that is killed has to be waited for, too, or its process never ends. */
	do {
		pid = waitpid(-1, &status, WNOHANG | __WALL);
		if (pid <= 0)
			return true;
	} while (pid != m->child || WIFSTOPPED(status));
	if (WIFEXITED(status))
		tell("exited %d", WEXITSTATUS(status));
	else
		tell("killed %d", WTERMSIG(status));
	if (!m->restart)
		return false;
	start(m);
	return true;
}

static void
tell_datagrams(int fd, const char *word, char separator)
{
	char text[MESSAGE_SIZE];
	ssize_t len;

	while ((len = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < len; i++)
			if (text[i] == '\n')
				text[i] = separator;
		tell("%s %.*s", word, (int)len, text);
	}
}

static void
on_notify(const struct manager *m)
{
	if (m->journal_fd >= 0)
		tell_datagrams(m->journal_fd, "journal", '\t');
	tell_datagrams(m->notify_fd, "notify", ' ');
}

/* --- one thread of it --- */

/* A stop signal would stop the whole process; a tracer can stop one thread. */
static void
freeze(pid_t thread)
{
	int status;

	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0 ||
	    waitpid(thread, &status, __WALL) != thread)
		die("freeze");
	tell("frozen %d", (int)thread);
}

static void
thaw(pid_t thread)
{
	if (ptrace(PTRACE_DETACH, thread, NULL, NULL) != 0)
		die("thaw");
	tell("thawed %d", (int)thread);
}

/* --- commands --- */

static void
obey(struct manager *m, const char *line)
{
	const char *space = strchr(line, ' ');
	int number = space != NULL ? (int)strtol(space + 1, NULL, 10) : 0;

	if (strncmp(line, "restart", 7) == 0) {
		m->restart = true;
		(void)kill(m->child, SIGTERM);
	} else if (strncmp(line, "signal ", 7) == 0) {
		(void)kill(m->child, number);
	} else if (strncmp(line, "freeze ", 7) == 0) {
		freeze(number);
	} else if (strncmp(line, "thaw ", 5) == 0) {
		thaw(number);
	} else if (strncmp(line, "stop", 4) == 0) {
		m->restart = false;
		(void)kill(m->child, SIGTERM);
	} else {
		(void)fprintf(stderr, "manager: unknown command: %s\n", line);
		exit(EXIT_FAILURE);
	}
}

/* False at the end of the input. Lines are short, and each arrives as a whole. */
static bool
on_input(struct manager *m)
{
	char text[MESSAGE_SIZE], *rest = text, *line;
	ssize_t len = read(STDIN_FILENO, text, sizeof(text) - 1);

	if (len <= 0) {
		/* The test is over; one whose thread is frozen would not hear a polite word. */
		m->restart = false;
		(void)kill(m->child, SIGKILL);
		return false;
	}
	text[len] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			obey(m, line);
	return true;
}

static void
arguments(struct manager *m, int argc, char **argv)
{
	int i = 1;

	for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2) {
		if (strcmp(argv[i], "--listen") == 0)
			m->port = (int)strtol(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--watchdog") == 0)
			m->watchdog_ms = (int)strtol(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--journal") == 0)
			m->journal = (int)strtol(argv[i + 1], NULL, 10);
		else
			break;
	}
	if (i + 1 >= argc || strcmp(argv[i], "--") != 0) {
		(void)fputs("usage: manager [--listen PORT] [--watchdog MS] [--journal 1] -- PROGRAM ARGUMENT...\n", stderr);
		exit(EXIT_FAILURE);
	}
	m->program = argv + i + 1;
}

int
main(int argc, char **argv)
{
	struct manager m = { .listen_fd = -1, .journal_fd = -1 };
	bool going = true;

	arguments(&m, argc, argv);
	if (m.port > 0)
		m.listen_fd = listen_open(m.port);
	if (m.journal)
		m.journal_fd = journal_open();
	m.notify_fd = notify_open();
	m.signal_fd = signals_open();
	struct pollfd fds[] = { { m.signal_fd, POLLIN, 0 }, { m.notify_fd, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 },
		{ m.journal_fd, POLLIN, 0 } };

	start(&m);
	while (going) {
		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			die("poll");
		/* Notifications first: what a daemon said, it said before it ended. */
		on_notify(&m);
		if (fds[2].revents != 0 && !on_input(&m))
			fds[2].fd = -1;
		if (fds[0].revents != 0)
			going = on_child(&m);
	}
	on_notify(&m);
	return EXIT_SUCCESS;
}
