/* main.c - ergsyncctl: the options before the command by argp, then the command's own row. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/service.h"
#include "ctl/client.h"
#include "ctl/ctl.h"

#define OPTION_JSON 'j'

const char *argp_program_version = "ergsyncctl " ERGSYNC_VERSION;

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "Configuration to use instead of " CTL_CONFIG_DEFAULT, 0 },
	{ "json", OPTION_JSON, NULL, 0, "Print what the daemon answers, as JSON", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

struct before {
	const char *config;
	bool json;
	int words; /* index in argv of the command */
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct before *b = state->input;

	switch (key) {
	case 'c': b->config = arg; return 0;
	case OPTION_JSON: b->json = true; return 0;
	case ARGP_KEY_ARG:
		/* The first word: all that follows is the command's. */
		b->words = state->next - 1;
		state->next = state->argc;
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

/* The list of commands stands below the options. */
static char *
help_filter(int key, const char *text, void *input)
{
	struct text out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)(uintptr_t)text;
	text_init(&out, 65536);
	text_adds(&out, "Commands:\n");
	command_list(commands, command_count, NULL, &out);
	text_adds(&out, "\nExplain one: ergsyncctl COMMAND --help\n\n"
	                "Examples:\n"
	                "  ergsyncctl status\n"
	                "  ergsyncctl erg list --json\n"
	                "  ergsyncctl resync --erg pride --dry-run\n\n"
	                "The daemon is asked over the socket of [app] listen. Nothing is coloured\n"
	                "without a terminal or with NO_COLOR in the environment.\n\n"
	                "Exit status: 0 done, 1 failed, 2 wrong usage, 3 the daemon cannot be reached.");
	return text_take(&out);
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Administers ergsync, which keeps ERGs and Microsoft Teams equal.\v ",
	.help_filter = help_filter,
};

static int
run(struct ctl *c)
{
	struct text manual;

	if (!c->call.help)
		return c->call.command->run(c);
	text_init(&manual, 65536);
	command_manual(c->call.command, &manual);
	ctl_print(&manual);
	return EXIT_DONE;
}

/* "ergsyncctl tenant --help" names a group, not a command. */
static bool
group_help(int argc, char *const *argv)
{
	struct text list;

	if (argc < 2 || (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0))
		return false;
	text_init(&list, 65536);
	command_list(commands, command_count, argv[0], &list);
	if (list.len == 0) {
		text_done(&list);
		return false;
	}
	ctl_print(&list);
	return true;
}

int
main(int argc, char **argv)
{
	struct before before = { NULL, false, 0 };
	struct ctl c = { .terminal = isatty(STDOUT_FILENO) == 1 };
	const char *no_color = getenv("NO_COLOR");
	char why[512];
	int status;

	process_harden();
	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &before) != 0)
		return EXIT_USAGE;
	c.color = c.terminal && (no_color == NULL || no_color[0] == '\0');
	if (before.words == 0) {
		ctl_complain("a command is needed; see ergsyncctl --help");
		return EXIT_USAGE;
	}
	if (command_parse(commands, command_count, argc - before.words, argv + before.words, &c.call, why, sizeof(why)) !=
	    ERR_OK) {
		if (group_help(argc - before.words, argv + before.words))
			return EXIT_DONE;
		ctl_complain("%s; see ergsyncctl --help", why);
		return EXIT_USAGE;
	}
	c.call.json |= before.json;
	c.config_file = c.call.config != NULL ? c.call.config : before.config != NULL ? before.config : CTL_CONFIG_DEFAULT;
	status = run(&c);
	client_free(c.client);
	config_free(c.config);
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	ctl_complain("not all of the answer could be written");
	return EXIT_FAILED;
}
