/*
 * command.h - one row a command: what dispatch, --help and completion know of it.
 *
 * Parsing is pure; a row's run does the work and returns the program's exit status (contract.md section 1):
 * 0 done, 1 the command failed, 2 wrong usage, 3 the daemon cannot be reached.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

#define EXIT_DONE        0
#define EXIT_FAILED      1
#define EXIT_USAGE       2
#define EXIT_UNREACHABLE 3

#define COMMAND_ARGS_MAX    2
#define COMMAND_OPTIONS_MAX 9

struct ctl;

struct command_option {
	const char *name;  /* without the dashes */
	const char *value; /* what stands for its value in the help; NULL: it has none */
	const char *help;
};

struct command {
	const char *name;      /* "tenant add" */
	const char *arguments; /* as the help shows them: "TENANT" */
	unsigned args_min, args_max;
	const char *summary; /* one line, no full stop */
	const char *help;    /* paragraphs, then examples; lines end with \n */
	int (*run)(struct ctl *c);
	struct command_option options[COMMAND_OPTIONS_MAX + 1]; /* ends with a NULL name */
};

/* What one command line asks for. All borrowed from argv and the table. */
struct invocation {
	const struct command *command;
	const char *args[COMMAND_ARGS_MAX];
	unsigned arg_count;
	const char *values[COMMAND_OPTIONS_MAX]; /* NULL: not given; "" for one without a value */
	bool json, help;
	const char *config; /* --config after the command; NULL: not given */
};

/* argv begins with the first word of the command. ERR_INVALID with why for people. */
enum err command_parse(
    const struct command *table, size_t count, int argc, char *const *argv, struct invocation *ret, char *why, size_t why_size);
/* The option's value, "" for one without, NULL when it was not given (or the command has none of that name). */
const char *invocation_option(const struct invocation *i, const char *name);

/* The manual of one command; the list of commands of a group ("tenant", NULL = all), one line each. */
void command_manual(const struct command *command, struct text *out);
void command_list(const struct command *table, size_t count, const char *group, struct text *out);
/* A completion script for bash. */
void command_completion(const struct command *table, size_t count, struct text *out);

#endif
