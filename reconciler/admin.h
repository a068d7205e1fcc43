/*
 * admin.h - the admin endpoint: the console, /metrics (both daemons), /healthz, /readyz. Contract section 8.
 */
#ifndef RECONCILER_ADMIN_H
#define RECONCILER_ADMIN_H

struct http_exchange;

/* A http_handler; arg is the struct reconciler, which must outlive the server. */
void admin_handle(void *arg, struct http_exchange *x);

#endif
