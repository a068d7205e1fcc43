/*
 * generate.c - prints what the manual, the completion and the example configuration take from the tables of the programs, so that they
 * cannot say anything else than the programs do. Runs while building; ships nowhere.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_option.h"
#include "base/log_catalog.h"
#include "base/text.h"
#include "ctl/command.h"
#include "ctl/ctl.h"
#include "listener/metrics.h"
#include "reconciler/figures.h"

#define OUTPUT_MAX (1u << 20)
#define LINE_SIZE  4096

/* Where ergsync keeps its files; systemd hands each of them over under its own name (systemd/ergsync-*.service.in). */
#define FILES_FOLDER "/etc/ergsync/"

/* --- scdoc's language --- */

/* Plain text: nothing in it is markup. */
static void
put_plain(struct text *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("\\_*<|[", *text) != NULL)
			text_adds(out, "\\");
		text_add(out, text, 1);
	}
}

/* A block shown as it is. */
static void
put_literal(struct text *out, const char *text)
{
	text_addf(out, "```\n%s%s```\n\n", text, text[0] != '\0' && text[strlen(text) - 1] == '\n' ? "" : "\n");
}

/* --- options --- */

static const struct {
	const char *section, *about;
} sections[] = {
	{ "listener", "The endpoint on the internet." },
	{ "graph", "Signing in to Microsoft Graph. One of *client\\_secret\\_file* and *client\\_certificate* with "
	           "*client\\_key* is needed." },
	{ "app", "The app API, and callbacks to the main app." },
	{ "admin", "Metrics, health and the console." },
	{ "state", "What is stored, where, and under which keys." },
	{ "sync", "How closely and how cautiously both sides are compared." },
	{ "log", "What is logged." },
};

static const char *
section_about(const char *section)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (strcmp(sections[i].section, section) == 0)
			return sections[i].about;
	return NULL;
}

static void
put_used_by(struct text *out, unsigned used_by)
{
	static const struct {
		unsigned bit;
		const char *name;
	} programs[] = { { FOR_LISTENER, "listener" }, { FOR_RECONCILER, "reconciler" }, { FOR_CTL, "ergsyncctl" } };
	const char *between = "Read by: ";

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if ((used_by & programs[i].bit) == 0)
			continue;
		text_addf(out, "%s%s", between, programs[i].name);
		between = ", ";
	}
	text_adds(out, ".");
}

static void
put_range(struct text *out, const struct config_option *option)
{
	char min[32], max[32];

	if (option->type == OPTION_ENUM) {
		text_adds(out, " One of:");
		for (size_t i = 0; option->names[i] != NULL; i++)
			text_addf(out, "%s *%s*", i > 0 ? "," : "", option->names[i]);
		text_adds(out, ".");
		return;
	}
	if (option->type == OPTION_DURATION) {
		format_duration_ms(option->min, min, sizeof(min));
		format_duration_ms(option->max, max, sizeof(max));
	} else if (option->type == OPTION_SIZE) {
		format_size((uint64_t)option->min, min, sizeof(min));
		format_size((uint64_t)option->max, max, sizeof(max));
	} else if (option->type == OPTION_INT) {
		(void)snprintf(min, sizeof(min), "%lld", (long long)option->min);
		(void)snprintf(max, sizeof(max), "%lld", (long long)option->max);
	} else {
		return;
	}
	text_addf(out, " From %s to %s", min, max);
	for (size_t i = 0; option->names != NULL && option->names[i] != NULL; i++)
		text_addf(out, ", or *%s*", option->names[i]);
	text_adds(out, ".");
}

static void
put_option(struct text *out, const struct config_option *option)
{
	text_adds(out, "*");
	put_plain(out, option->key);
	text_adds(out, "* = ");
	put_plain(out, option->fallback != NULL ? option->fallback : option->example);
	text_adds(out, "\n\t");
	put_plain(out, option->help);
	put_range(out, option);
	text_adds(out, option->required           ? " Required; the value shown is an example."
	               : option->fallback != NULL ? " The value shown is the default."
	                                          : " Not set by default; the value shown is an example.");
	text_adds(out, "\n\n\t");
	put_used_by(out, option->used_by);
	text_adds(out, option->reloadable ? " Taken over on SIGHUP.\n\n" : " A change takes effect after a restart.\n\n");
}

static bool
put_options(struct text *out)
{
	const char *last = "";

	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const char *section = config_options[i].section;

		if (strcmp(last, section) != 0) {
			if (section_about(section) == NULL) {
				(void)fprintf(stderr, "generate: nothing is said about section [%s]\n", section);
				return false;
			}
			text_addf(out, "## [%s]\n\n%s\n\n", section, section_about(section));
		}
		put_option(out, &config_options[i]);
		last = section;
	}
	return true;
}

/* --- the example configuration --- */

static bool
is_credential(const struct config_option *option)
{
	return config_option_is_path(option->type) && option->example != NULL && str_starts(option->example, FILES_FOLDER);
}

/* The library's example, but with files as systemd passes them to the services. */
static bool
print_example(void)
{
	const char *last = "";

	printf("# ergsync: see ergsync.conf(5). A line with # in front shows the default, or an example.\n"
	       "# %%d/NAME is the file /etc/ergsync/NAME, which systemd reads as root and hands to the service that needs it.\n"
	       "# To try a command by hand as root: CREDENTIALS_DIRECTORY=/etc/ergsync ergsyncctl check\n");
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct config_option *option = &config_options[i];
		const char *value = option->fallback != NULL && !is_credential(option) ? option->fallback : option->example;

		if (strcmp(last, option->section) != 0)
			printf("\n[%s]\n", option->section);
		last = option->section;
		printf("# %s\n%s%s = %s%s\n", option->help, option->required ? "" : "#", option->key,
		    is_credential(option) ? "%d/" : "", is_credential(option) ? strrchr(value, '/') + 1 : value);
	}
	return true;
}

/* --- commands --- */

static bool
put_commands(struct text *out)
{
	struct text manual;

	for (size_t i = 0; i < command_count; i++) {
		text_adds(out, "## ");
		put_plain(out, commands[i].name);
		text_adds(out, "\n\n");
		text_init(&manual, OUTPUT_MAX);
		command_manual(&commands[i], &manual);
		if (text_err(&manual) != ERR_OK)
			return false;
		put_literal(out, manual.data);
		text_done(&manual);
	}
	return true;
}

static bool
print_completion(void)
{
	struct text out;

	text_init(&out, OUTPUT_MAX);
	command_completion(commands, command_count, &out);
	if (text_err(&out) != ERR_OK)
		return false;
	(void)fputs(out.data, stdout);
	text_done(&out);
	return true;
}

/* --- metrics --- */

/* What one scrape shows, with every number nought. */
static enum err
exposition(struct text *out)
{
	const struct figures figures = { 0 };
	const struct metrics metrics = { 0 };
	const struct gauges gauges = { 0 };

	figures_print(&figures, out);
	/* Not the listener's own word, but the reconciler's about it. */
	text_adds(out,
	    "# HELP ergsync_listener_up 1 while the listener answers the reconciler.\n# TYPE ergsync_listener_up gauge\n"
	    "ergsync_listener_up 0\n");
	metrics_text(&metrics, &gauges, out);
	return text_err(out);
}

static bool
print_metrics(void)
{
	struct text out;

	text_init(&out, OUTPUT_MAX);
	if (exposition(&out) != ERR_OK)
		return false;
	(void)fputs(out.data, stdout);
	text_done(&out);
	return true;
}

/* A TYPE line closes what the HELP line before it began. */
static void
put_metric(struct text *out, char *name, const char *help, const char *type)
{
	text_adds(out, "*");
	put_plain(out, name);
	text_addf(out, "* (%s)\n\t", type);
	put_plain(out, help);
	text_adds(out, "\n\n");
}

static bool
put_metrics(struct text *out)
{
	struct text all;
	char *rest, *line, *name = NULL, *help = NULL;

	text_init(&all, OUTPUT_MAX);
	if (exposition(&all) != ERR_OK)
		return false;
	rest = all.data;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (str_starts(line, "# HELP ")) {
			help = line + strlen("# HELP ");
			name = strsep(&help, " ");
		} else if (str_starts(line, "# TYPE ") && help != NULL) {
			put_metric(out, name, help, strrchr(line, ' ') + 1);
			help = NULL;
		}
	}
	text_done(&all);
	return true;
}

/* --- events of the log --- */

static bool
print_catalog(void)
{
	struct text out;

	text_init(&out, OUTPUT_MAX);
	log_catalog_print(&out);
	if (text_err(&out) != ERR_OK)
		return false;
	(void)fputs(out.data, stdout);
	text_done(&out);
	return true;
}

/* @ERGSYNC_KEY@ becomes the key's name, as the log line has it. */
static void
put_explanation(struct text *out, const char *text)
{
	char piece[LINE_SIZE];

	while (*text != '\0') {
		const char *field = strstr(text, "@ERGSYNC_");
		size_t len = field != NULL ? (size_t)(field - text) : strlen(text);

		(void)str_copy_len(piece, sizeof(piece), text, len);
		put_plain(out, piece);
		text += len;
		if (field == NULL)
			return;
		text += strlen("@ERGSYNC_");
		len = strcspn(text, "@");
		for (size_t i = 0; i < len && i < sizeof(piece) - 1; i++)
			piece[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
		piece[len] = '\0';
		text_adds(out, "*");
		put_plain(out, piece);
		text_adds(out, "*");
		text += len + 1;
	}
}

static bool
put_events(struct text *out)
{
	for (size_t i = 0; i < log_catalog_count; i++) {
		text_adds(out, "*");
		put_plain(out, log_catalog[i].event);
		text_adds(out, "*: ");
		put_plain(out, log_catalog[i].subject);
		text_adds(out, "\n\t");
		put_explanation(out, log_catalog[i].text);
		text_adds(out, "\n\n");
	}
	return true;
}

/* --- a page: its template, with tables where it names them --- */

static const struct {
	const char *line;
	bool (*put)(struct text *out);
} places[] = { { "@OPTIONS@\n", put_options }, { "@COMMANDS@\n", put_commands }, { "@METRICS@\n", put_metrics },
	{ "@EVENTS@\n", put_events } };

static bool
put_line(struct text *out, const char *line)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strcmp(line, places[i].line) == 0)
			return places[i].put(out);
	text_adds(out, line);
	return true;
}

static bool
print_page(void)
{
	char line[LINE_SIZE];
	struct text out;
	bool good = true;

	text_init(&out, OUTPUT_MAX);
	while (good && fgets(line, sizeof(line), stdin) != NULL)
		good = put_line(&out, line);
	good = good && text_err(&out) == ERR_OK && out.data != NULL && fputs(out.data, stdout) >= 0;
	text_done(&out);
	return good;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*print)(void);
	} modes[] = { { "page", print_page }, { "example", print_example }, { "completion", print_completion },
		{ "metrics", print_metrics }, { "catalog", print_catalog } };

	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[1], modes[i].name) == 0)
			return modes[i].print() && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	(void)fputs("usage: generate page|example|completion|metrics|catalog\n", stderr);
	return EXIT_FAILURE;
}
