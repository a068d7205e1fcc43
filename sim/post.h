/*
 * post.h - sends the simulator's deliveries over an HTTP transport and reports their outcome.
 */
#ifndef SIM_POST_H
#define SIM_POST_H

struct http_transport;
struct post_office;
struct sim;
struct sim_delivery;

/* Borrows transport. Free it before the transport, after the simulator. */
struct post_office *post_office_new(struct http_transport *transport);
void post_office_free(struct post_office *office); /* NULL is fine */

/* For sim_options.deliver; arg is the post office. */
void post_office_deliver(void *arg, struct sim *sim, const struct sim_delivery *delivery);

#endif
