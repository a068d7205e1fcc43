/*
 * consent.h - the page on which an administrator consents, facts 1.1, without the page: it decides at once and sends back.
 */
#ifndef SIM_CONSENT_H
#define SIM_CONSENT_H

struct call;

/* GET /{tenant}/adminconsent and /{tenant}/v2.0/adminconsent. */
void sim_consent_handle(struct call *c, const char *tenant);

#endif
