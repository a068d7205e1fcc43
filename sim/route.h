/*
 * route.h - the table of what the simulated Graph can be asked. A new kind of resource adds its rows here.
 */
#ifndef SIM_ROUTE_H
#define SIM_ROUTE_H

#include <stdbool.h>

struct call;

/* Splits and decodes the path after /v1.0 into segments, key-in-parentheses forms too. False when it cannot be a path. */
bool sim_route_split(struct call *c, const char *path);
/* Finds the row and sets c->route, arguments and template. False: no such path; *ret_method_wrong when only the method is. */
bool sim_route_find(struct call *c, bool *ret_method_wrong);

/* Runs one Graph request to its handler; everything before it (faults, sign-in, throttling, permission) included. */
void sim_route_handle(struct call *c);

#endif
