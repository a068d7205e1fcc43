/*
 * serve.h - the simulator behind an HTTP server: requests from sockets in, answers and faults out.
 */
#ifndef SIM_SERVE_H
#define SIM_SERVE_H

struct http_exchange;
struct serve;
struct sim;

/* Borrows sim. Free it after the simulator (which ends all requests) and before the server. */
struct serve *serve_new(struct sim *sim);
void serve_free(struct serve *s); /* NULL is fine */

/* For http_server_options.handle; arg is the struct serve. */
void serve_handle(void *arg, struct http_exchange *x);

#endif
