/*
 * service.h - being a service: readiness, status, watchdog and passed sockets, by libsystemd.
 *
 * Outside systemd every call does nothing.
 */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include <stddef.h>
#include <stdint.h>

void service_ready(const char *status);
void service_status(const char *status);
/* Still starting, and getting on: called as often as one likes, it asks for more time every five seconds until service_ready. */
void service_starting(void);
void service_reloading(void);
void service_stopping(void);
/* Half of WatchdogSec, or 0 without a watchdog. */
int64_t service_watchdog_ms(void);
void service_watchdog_ping(void);
/* Listening stream sockets passed by the service manager, close-on-exec set; at most max. */
size_t service_sockets(int *ret, size_t max);

/* Process hygiene every program starts with: SIGPIPE ignored, umask 077, no core dumps, RLIMIT_NOFILE raised to its hard limit. */
void process_harden(void);
/* Creates each missing folder before a slash of path, mode 0700: the parents, and path itself when it ends in one.
 * 0, or -1 with errno. */
int make_directories(const char *path);
/* The folder of sockets with its parents, 0750 as systemd's RuntimeDirectory= makes it; one that is there stays as it is. */
int make_runtime_directory(const char *path);

#endif
