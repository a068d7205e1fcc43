#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/encode.h"
#include "base/json.h"
#include "ctl/client.h"
#include "ctl/render.h"

/* ---------- telling ---------- */

void
ctl_complain(const char *format, ...)
{
	va_list args;

	(void)fprintf(stderr, "ergsyncctl: ");
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fprintf(stderr, "\n");
}

void
ctl_report(void *arg, const char *file, int line, const char *message)
{
	(void)arg;
	if (line > 0)
		(void)fprintf(stderr, "%s:%d: %s\n", file, line, message);
	else
		(void)fprintf(stderr, "%s: %s\n", file, message);
}

void
ctl_print(struct text *t)
{
	if (text_err(t) != ERR_OK)
		ctl_complain("the answer cannot be shown: %s", err_text(text_err(t)));
	else if (t->data != NULL)
		(void)fwrite(t->data, 1, t->len, stdout);
	(void)fflush(stdout);
	text_done(t);
}

void
ctl_print_json(const json_t *json)
{
	(void)json_dumpf(json, stdout, JSON_INDENT(2));
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
}

bool
ctl_confirmed(const struct ctl *c, const char *question)
{
	char answer[16];

	if (invocation_option(&c->call, "yes") != NULL || !isatty(STDIN_FILENO) || !c->terminal)
		return true;
	printf("%s [y/N] ", question);
	(void)fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

/* ---------- calling ---------- */

int
ctl_connect(struct ctl *c)
{
	char why[512];

	if (c->client != NULL)
		return EXIT_DONE;
	if (config_load(c->config_file, FOR_CTL, ctl_report, NULL, &c->config) != ERR_OK)
		return EXIT_FAILED;
	if (client_new(c->config, &c->client, why, sizeof(why)) == ERR_OK)
		return EXIT_DONE;
	ctl_complain("%s", why);
	return EXIT_FAILED;
}

int
ctl_refused(json_t *problem, int status)
{
	struct text out;

	text_init(&out, 65536);
	render_problem(problem, status, &out);
	(void)fprintf(stderr, "ergsyncctl: %s", out.data != NULL ? out.data : "refused\n");
	text_done(&out);
	json_decref(problem);
	return EXIT_FAILED;
}

int
ctl_call(struct ctl *c, const char *method, const char *path, json_t *body, json_t **ret)
{
	char why[1024];
	int status = 0;
	json_t *json = NULL;
	enum err e = client_call(c->client, method, path, body, &status, &json, why, sizeof(why));

	json_decref(body);
	if (e != ERR_OK) {
		ctl_complain("%s", why);
		return EXIT_UNREACHABLE;
	}
	if (status < 200 || status > 299)
		return ctl_refused(json, status);
	*ret = json;
	return EXIT_DONE;
}

/* ---------- paths and lists ---------- */

const char *
ctl_path(char ret[CTL_PATH_SIZE], const char *template, const char *const *args)
{
	struct text path;
	const char *mark;

	text_init(&path, CTL_PATH_SIZE - 1);
	for (; (mark = strstr(template, "{}")) != NULL; template = mark + 2) {
		text_add(&path, template, (size_t)(mark - template));
		percent_encode(&path, *args++);
	}
	text_adds(&path, template);
	/* A path that is too long names nothing: the daemon says so. */
	if (text_err(&path) != ERR_OK || path.data == NULL || !str_copy(ret, CTL_PATH_SIZE, path.data))
		(void)str_copy(ret, CTL_PATH_SIZE, "/");
	text_done(&path);
	return ret;
}

int
ctl_get_list(struct ctl *c, const char *path, const char *name, json_t **ret)
{
	json_t *all = json_array(), *page = NULL;
	char url[CTL_PATH_SIZE];
	struct text after;
	int status = EXIT_DONE;
	const char *next = "";

	text_init(&after, 1024);
	while (status == EXIT_DONE && next != NULL) {
		(void)snprintf(
		    url, sizeof(url), "%s?limit=1000%s%s", path, after.len > 0 ? "&after=" : "", after.len > 0 ? after.data : "");
		if ((status = ctl_call(c, "GET", url, NULL, &page)) != EXIT_DONE)
			break;
		json_array_extend(all, jx_get_array(page, name));
		next = jx_get_str(page, "next");
		text_reset(&after);
		if (next != NULL)
			percent_encode(&after, next);
		json_decref(page);
	}
	text_done(&after);
	if (status == EXIT_DONE)
		*ret = json_pack("{s:O, s:n}", name, all, "next");
	json_decref(all);
	return status;
}

/* Takes json. */
static int
show_object(const struct ctl *c, json_t *json)
{
	struct text out;

	if (c->call.json) {
		ctl_print_json(json);
	} else {
		text_init(&out, CTL_OUTPUT_MAX);
		render_object(json, &out);
		ctl_print(&out);
	}
	json_decref(json);
	return EXIT_DONE;
}

int
ctl_show_list(const struct ctl *c, json_t *json, const char *name, const struct column *columns, const char *none)
{
	struct text out;

	if (c->call.json) {
		ctl_print_json(json);
	} else {
		text_init(&out, CTL_OUTPUT_MAX);
		render_table(jx_get_array(json, name), columns, none, &out);
		ctl_print(&out);
	}
	json_decref(json);
	return EXIT_DONE;
}

int
ctl_list(struct ctl *c, const char *template, const char *name, const struct column *columns, const char *none)
{
	char path[CTL_PATH_SIZE];
	json_t *json = NULL;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = ctl_get_list(c, ctl_path(path, template, c->call.args), name, &json);
	return status == EXIT_DONE ? ctl_show_list(c, json, name, columns, none) : status;
}

int
ctl_object(struct ctl *c, const char *method, const char *template)
{
	char path[CTL_PATH_SIZE];
	json_t *json = NULL;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = ctl_call(c, method, ctl_path(path, template, c->call.args), NULL, &json);
	return status == EXIT_DONE ? show_object(c, json) : status;
}

/* The sentence for people: each {} is one argument. The daemon has taken the same ones as ids: they need no escaping. */
static void
print_sentence(const char *sentence, const char *const *args)
{
	const char *mark;

	for (; (mark = strstr(sentence, "{}")) != NULL; sentence = mark + 2)
		printf("%.*s%s", (int)(mark - sentence), sentence, *args++);
	printf("%s\n", sentence);
}

int
ctl_write(struct ctl *c, const char *method, const char *template, json_t *body, const char *done)
{
	char path[CTL_PATH_SIZE];
	json_t *json = NULL;
	int status = ctl_connect(c);

	if (status != EXIT_DONE) {
		json_decref(body);
		return status;
	}
	status = ctl_call(c, method, ctl_path(path, template, c->call.args), body, &json);
	if (status != EXIT_DONE)
		return status;
	if (c->call.json)
		ctl_print_json(json);
	else
		print_sentence(done, c->call.args);
	json_decref(json);
	return EXIT_DONE;
}

/* ---------- options ---------- */

void
ctl_set_option(const struct ctl *c, json_t *body, const char *option, const char *member)
{
	const char *value = invocation_option(&c->call, option);

	if (value != NULL)
		json_object_set_new(body, member, json_string(value));
}

int
ctl_set_number(const struct ctl *c, json_t *body, const char *option, const char *member)
{
	const char *value = invocation_option(&c->call, option);
	uint64_t number;

	if (value == NULL)
		return EXIT_DONE;
	if (parse_u64(value, &number) != ERR_OK || number > INT32_MAX) {
		ctl_complain("--%s must be a whole number", option);
		return EXIT_USAGE;
	}
	json_object_set_new(body, member, json_integer((json_int_t)number));
	return EXIT_DONE;
}

int
ctl_options_needed(const struct ctl *c, const char *const *names)
{
	int status = EXIT_DONE;

	for (; *names != NULL; names++) {
		if (invocation_option(&c->call, *names) != NULL)
			continue;
		ctl_complain("'%s' needs --%s", c->call.command->name, *names);
		status = EXIT_USAGE;
	}
	return status;
}
