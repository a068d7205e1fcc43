/*
 * program.h - the command line and the exit codes that both daemons share (contract.md section 1).
 *
 * --config, --check, --dump-config, --help, --version; every mistake of the configuration is printed with file and line.
 */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <stddef.h>

#include "base/err.h"

struct config;

struct program {
	const char *name;
	const char *doc;     /* argp's: what it does, "\v", and the rest of --help */
	const char *checked; /* what --check looks at */
	unsigned used_by;    /* of config_option.h */
	/* Says in why what is wrong and what to do; with ERR_OK, what is doubtful, a line each, or nothing. */
	enum err (*check)(const struct config *config, char *why, size_t why_size);
	/* On failure why says why it cannot start; "": it has run, and the log tells why it ended. */
	enum err (*run)(struct config *config, char *why, size_t why_size);
};

/* What main returns. */
int program_main(const struct program *p, int argc, char **argv);

#endif
