/*
 * assertion.h - client assertions as the sign-in service checks them: facts 1.2 and 1.4.
 */
#ifndef SIM_ASSERTION_H
#define SIM_ASSERTION_H

#include <stdbool.h>
#include <stdint.h>

/* The certificates registered on one app, and the assertions seen from it. */
struct certificates;

/* All certificates of a PEM text, as during a rotation there are two. NULL when there is none or one is damaged. Gives. */
struct certificates *sim_certificates_parse(const char *pem);
void sim_certificates_free(struct certificates *k); /* NULL is fine */

struct assertion_want {
	const char *client_id, *audience;
	int64_t now_s;
	bool once; /* the same jti a second time is refused; Microsoft does not, but clients ought to draw a fresh one */
};
/* The AADSTS number of the refusal, or 0. known NULL: nobody is registered, so no signature is checked. */
int sim_assertion_check(struct certificates *known, const char *jwt, const struct assertion_want *want);

#endif
