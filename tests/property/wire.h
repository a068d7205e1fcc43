/*
 * wire.h - the way between a reconciler and the simulated Graph: what goes over it is seen, and it has weather, tenant by tenant.
 *
 * A tenant is known by the directory in the path when it signs in, and by its token afterwards; a directory's number stands in
 * its last twelve digits. Calls of no known tenant have the weather of tenant 0.
 */
#ifndef TESTS_PROPERTY_WIRE_H
#define TESTS_PROPERTY_WIRE_H

#include <stdbool.h>
#include <stddef.h>

struct clock;
struct http_transport;

enum weather {
	WEATHER_FINE,
	WEATHER_CUT,    /* no connection */
	WEATHER_SILENT, /* nothing arrives, nothing is answered */
	WEATHER_DEAF,   /* it arrives and takes effect, but the answer is lost */
	WEATHER_BUSY,   /* 503 */
	WEATHER_SLOW,   /* it takes effect at once, but the answer comes only just before nobody waits any more */
	WEATHER_COUNT
};

struct wire_options {
	enum weather (*weather)(void *arg, unsigned tenant);
	/* A call has gone out; method, path behind "/v1.0" with its query, and body (NULL: none) are borrowed. */
	void (*asked)(void *arg, unsigned tenant, const char *method, const char *path);
	/* What Graph answered, whether or not the answer arrives; status 0: it never answered. */
	void (*answered)(void *arg, unsigned tenant, const char *method, const char *path, const char *request_body, int status,
	    const char *body, long long asked_boot_ms);
	void *arg;
};

/* Takes graph, borrows the rest. */
struct http_transport *wire_new(struct http_transport *graph, struct clock *clock, const struct wire_options *options);
/* Has a call of that method gone out in fine weather, and no answer come? wire is of wire_new. */
bool wire_is_out(const struct http_transport *wire, const char *method);

#endif
