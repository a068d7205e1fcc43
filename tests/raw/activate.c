/*
 * Plays the service manager: one listening socket that outlives the program it is passed to.
 *
 *	raw_activate PROGRAM ARGUMENT...      prints the port; SIGHUP restarts the program, SIGTERM ends it and this
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first descriptor the protocol of sd_listen_fds(3) passes. */
#define FIRST 3

static volatile sig_atomic_t restart, stop;

static void
on_signal(int number)
{
	if (number == SIGHUP)
		restart = 1;
	else
		stop = 1;
}

static int
open_socket(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return -1;
	(void)printf("port %u\n", ntohs(address.sin_port));
	(void)fflush(stdout);
	return fd;
}

static pid_t
start(int fd, char **argv)
{
	char pid[16];
	pid_t child = fork();

	if (child != 0)
		return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if ((fd == FIRST || dup2(fd, FIRST) == FIRST) && setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0)
		(void)execv(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int
main(int argc, char **argv)
{
	const struct sigaction act = { .sa_handler = on_signal };
	int fd = argc > 1 ? open_socket() : -1, status = 1;

	if (fd < 0)
		return 2;
	(void)sigaction(SIGHUP, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	while (!stop) {
		pid_t child = start(fd, argv + 1);

		restart = 0;
		while (waitpid(child, &status, 0) < 0)
			if (restart || stop)
				(void)kill(child, SIGTERM);
		if (!restart && !stop)
			break;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
