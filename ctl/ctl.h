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
#define CTL_PATH_SIZE      4096
#define CTL_OUTPUT_MAX     (64u << 20)

struct client;
struct column;
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

/* Asks only where somebody can answer, and --yes was not given. */
bool ctl_confirmed(const struct ctl *c, const char *question);

/* --- what most commands are made of; each gives an exit status --- */

/* "/v1/ergs/{}/members/{}": each {} is one argument, encoded. Gives ret. */
const char *ctl_path(char ret[CTL_PATH_SIZE], const char *template, const char *const *args);
/* All pages of a list, as one: {"<name>": [...], "next": null}. */
int ctl_get_list(struct ctl *c, const char *path, const char *name, json_t **ret);
/* Takes json, an answer with a list. */
int ctl_show_list(const struct ctl *c, json_t *json, const char *name, const struct column *columns, const char *none);
/* The list of that path, shown. none: said when it is empty. */
int ctl_list(struct ctl *c, const char *template, const char *name, const struct column *columns, const char *none);
/* A call without a body, whose answer is one object, shown. */
int ctl_object(struct ctl *c, const char *method, const char *template);
/* A write; done is the sentence for people, with the arguments for its {}. Takes body. */
int ctl_write(struct ctl *c, const char *method, const char *template, json_t *body, const char *done);
/* An option as a member of body, where it was given. */
void ctl_set_option(const struct ctl *c, json_t *body, const char *option, const char *member);
/* EXIT_USAGE when it is not a whole number. */
int ctl_set_number(const struct ctl *c, json_t *body, const char *option, const char *member);
/* EXIT_USAGE when one is missing; names those. names ends with NULL. */
int ctl_options_needed(const struct ctl *c, const char *const *names);

/* --- the commands, by file --- */

/* status.c */
int run_status(struct ctl *c);
int run_subscriptions(struct ctl *c);
/* tenants.c */
int run_tenant_list(struct ctl *c);
int run_tenant_show(struct ctl *c);
int run_tenant_add(struct ctl *c);
/* ergs.c */
int run_erg_list(struct ctl *c);
int run_erg_show(struct ctl *c);
int run_erg_add(struct ctl *c);
int run_erg_remove(struct ctl *c);
/* members.c */
int run_member_list(struct ctl *c);
int run_member_add(struct ctl *c);
int run_member_remove(struct ctl *c);
/* events.c */
int run_event_list(struct ctl *c);
int run_event_show(struct ctl *c);
int run_event_add(struct ctl *c);
int run_event_cancel(struct ctl *c);
/* plans.c */
int run_plan_show(struct ctl *c);
int run_plan_approve(struct ctl *c);
int run_plan_reject(struct ctl *c);
/* changes.c */
int run_changes(struct ctl *c);
/* setup.c */
int run_init(struct ctl *c);
int run_notification_key(struct ctl *c);
int run_check(struct ctl *c);
/* doctor.c */
int run_doctor(struct ctl *c);
/* sign_in.c */
int run_sign_in(struct ctl *c);
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
