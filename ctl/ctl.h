/*
 * ctl.h - what one run of ergsyncctl has in its hands, and the handlers of its commands.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/command.h"

#define CTL_CONFIG_DEFAULT "/etc/ergsync/ergsync.conf"

struct client;
struct config;

struct ctl {
	struct invocation call;
	const char *config_file;
	struct config *config; /* NULL until ctl_connect */
	struct client *client; /* NULL until ctl_connect */
	bool terminal, color;  /* of standard output */
};

extern const struct command commands[];
extern const size_t command_count;

/* Reads the configuration and gets ready to call; 0 or an exit status, told to stderr. */
int ctl_connect(struct ctl *c);
/* One call; 0 with *ret (given) for a 2xx. Else an exit status, and why is told to stderr. body is taken, may be NULL. */
int ctl_call(struct ctl *c, const char *method, const char *path, json_t *body, json_t **ret);
/* The daemon has answered status with a problem document: told to stderr, freed. EXIT_FAILED. */
int ctl_refused(json_t *problem, int status);
/* Prints and frees. */
void ctl_print(struct text *t);
void ctl_print_json(const json_t *json);
/* A line to stderr, under the program's name. */
void ctl_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* config_report for people: "file:12: message" to stderr. */
void ctl_report(void *arg, const char *file, int line, const char *message);

/* setup.c */
int run_init(struct ctl *c);
int run_notification_key(struct ctl *c);
int run_check(struct ctl *c);
/* doctor.c */
int run_doctor(struct ctl *c);
/* sign_in.c */
int run_sign_in(struct ctl *c);
/* Asks only where somebody can answer, and --yes was not given. */
bool ctl_confirmed(const struct ctl *c, const char *question);

/* erasing.c */
int run_tenant_remove(struct ctl *c);
int run_receipt_show(struct ctl *c);
/* keys.c */
int run_key_rotate(struct ctl *c);
/* copies.c */
int run_backup(struct ctl *c);
int run_restore(struct ctl *c);
int run_state_check(struct ctl *c);
/* resyncs.c */
int run_resync(struct ctl *c);

#endif
