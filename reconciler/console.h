/*
 * console.h - GET / on the admin endpoint: who may load the console, and with what headers. The page itself is console_page.h.
 *
 * The admin endpoint has no sign-in; being on loopback is its fence. So that no web page anywhere can read the console through a
 * visitor's browser (DNS rebinding), it answers only to names that no stranger can point at this machine: addresses, localhost,
 * the host of [admin] listen, and those of [admin] names.
 */
#ifndef RECONCILER_CONSOLE_H
#define RECONCILER_CONSOLE_H

#include <stdbool.h>

struct http_exchange;
struct reconciler;

/* Answers GET and HEAD. */
void console_handle(struct reconciler *r, struct http_exchange *x);
/* Pure. host: as in the Host header, NULL when there is none; listen and names as in [admin], names may be NULL. */
bool console_host_ok(const char *host, const char *listen, const char *names);

#endif
