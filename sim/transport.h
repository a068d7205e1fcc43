/*
 * transport.h - the simulator behind the HTTP client's seam: programs under test talk to it without sockets.
 *
 * Answers come by the clock, with the simulator's latency and faults; http_answer.err tells of silence (after the
 * request's timeout), closed connections and bodies that broke off. Only URLs beneath the simulator's base
 * URL are reachable. Event-loop thread only.
 */
#ifndef SIM_TRANSPORT_H
#define SIM_TRANSPORT_H

struct clock;
struct http_transport;
struct sim;

/* Borrows both; free the transport before the simulator. */
struct http_transport *sim_transport_new(struct sim *sim, struct clock *clock);
/* While on, every call fails as unreachable: the network is down. */
void sim_transport_cut(struct http_transport *t, int on);

#endif
