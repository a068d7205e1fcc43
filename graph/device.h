/*
 * device.h - a person signs an account in by a code: RFC 8628 as Microsoft does it, graph-facts section 1.3.
 *
 * One flow: the code is asked for, shown by whoever watches, and its fate polled at the pace the service names, until it is
 * entered, declined or over. The refresh token of a good end is handed out once and not kept. Event-loop thread only.
 */
#ifndef GRAPH_DEVICE_H
#define GRAPH_DEVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/ids.h"
#include "model/tenant.h"

struct clock;
struct graph;
struct graph_device;

#define GRAPH_DEVICE_CODE_SIZE      2048
#define GRAPH_DEVICE_SHOWN_SIZE     64 /* of the code a person types */
#define GRAPH_DEVICE_URI_SIZE       256
#define GRAPH_DEVICE_LIFE_MAX_S     3600
#define GRAPH_DEVICE_INTERVAL_S     5 /* when the service names none */
#define GRAPH_DEVICE_INTERVAL_MAX_S 60

/* --- pure --- */

struct graph_device_code {
	char device_code[GRAPH_DEVICE_CODE_SIZE];
	char user_code[GRAPH_DEVICE_SHOWN_SIZE];
	char verification_uri[GRAPH_DEVICE_URI_SIZE]; /* https */
	int64_t life_s, interval_s;
};
/* False: not usable, or not to be shown to a person (control characters, another scheme than https). */
bool graph_device_code_read(const json_t *json, struct graph_device_code *ret);

enum graph_device_step {
	GRAPH_DEVICE_GO_ON,      /* nobody has entered the code yet */
	GRAPH_DEVICE_SLOWER,     /* the same, and the interval grows by five seconds, or doubles after a failure of the network */
	GRAPH_DEVICE_SIGNED_IN,  /* the answer carries tokens */
	GRAPH_DEVICE_TURN_PROOF, /* the app registration wants the app's secret beside, or wants it left out */
	GRAPH_DEVICE_OVER
};
enum graph_device_step graph_device_judge(enum err transport, int status, const json_t *json);

/* --- doing --- */

enum graph_device_state { GRAPH_DEVICE_ASKING, GRAPH_DEVICE_WAITING, GRAPH_DEVICE_DONE, GRAPH_DEVICE_FAILED };

struct graph_device_view {
	enum graph_device_state state;
	const char *user_code, *verification_uri; /* WAITING; borrowed until the next turn */
	int64_t expires_boot_ms;                  /* WAITING */
	const char *detail;                       /* FAILED: why, and what to do */
};

/* Borrowed until done returns. */
struct graph_device_result {
	const char *refresh;    /* NULL: it failed */
	char account[UPN_SIZE]; /* who signed in; "": the service did not say */
	struct guid object_id;  /* the same */
};

/* done runs once, in a later turn, unless the flow is freed before; the view stays as it ended. NULL: out of memory. */
struct graph_device *graph_device_start(struct graph *g, struct clock *clock, const struct guid *directory,
    void (*done)(void *arg, const struct graph_device_result *result), void *arg);
void graph_device_free(struct graph_device *d); /* NULL is fine; also from done */
void graph_device_show(const struct graph_device *d, struct graph_device_view *ret);

#endif
