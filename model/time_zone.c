/* time_zone.c - names, the zones read so far, and the two directions. */
#include "model/time_zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/windows_zone.h"
#include "model/zone_data.h"

#define ZONE_FOLDER "/usr/share/zoneinfo/"

struct zone {
	char name[TIME_ZONE_SIZE];
	struct zone_data *data;
	struct zone *next;
};

/* As many as there are zones, each read once: they do not change while we run. */
static struct zone *zones;

/* Copies of the whole tree with and without leap seconds, and files that are no zone of anybody. */
static const char *const excluded[] = { "posix/", "right/", "posixrules", "localtime", "Factory" };

static bool
name_plausible(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
	size_t len = strnlen(name, TIME_ZONE_SIZE);

	if (len == 0 || len >= TIME_ZONE_SIZE || strspn(name, allowed) != len || name[0] == '/' || name[len - 1] == '/')
		return false;
	for (size_t i = 0; i < sizeof(excluded) / sizeof(excluded[0]); i++)
		if (str_starts(name, excluded[i]))
			return false;
	return true;
}

/* NULL: no such zone, or not readable. */
static struct zone_data *
load(const char *name)
{
	static uint8_t buffer[ZONE_DATA_MAX];
	char path[sizeof(ZONE_FOLDER) + TIME_ZONE_SIZE];
	struct zone_data *data = NULL;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), ZONE_FOLDER "%s", name);
	if ((file = fopen(path, "rbe")) == NULL)
		return NULL;
	len = fread(buffer, 1, sizeof(buffer), file); /* of a folder: none */
	fclose(file);
	return zone_data_read(buffer, len, &data) == ERR_OK ? data : NULL;
}

static const struct zone *
find(const char *name)
{
	struct zone *z;

	if (name == NULL || !name_plausible(name))
		return NULL;
	for (z = zones; z != NULL; z = z->next)
		if (strcmp(z->name, name) == 0)
			return z;
	if ((z = calloc(1, sizeof(*z))) == NULL || (z->data = load(name)) == NULL) {
		free(z);
		return NULL;
	}
	(void)str_copy(z->name, sizeof(z->name), name);
	z->next = zones;
	zones = z;
	return z;
}

bool
time_zone_known(const char *iana)
{
	return find(iana) != NULL;
}

const char *
time_zone_resolve(const char *name)
{
	const struct zone *z;
	const char *iana;

	if (name == NULL)
		return NULL;
	if ((iana = windows_zone_iana(name)) != NULL)
		return iana;
	z = find(name);
	return z != NULL ? z->name : NULL;
}

enum err
time_zone_to_utc(const char *iana, struct local_time local, int64_t *ret_unix_ms, enum time_zone_fit *ret_fit)
{
	const struct zone *z = find(iana);
	enum time_zone_fit fit = TIME_ZONE_ONCE;
	int64_t early, late;
	bool early_fits, late_fits;

	if (z == NULL)
		return ERR_NOTFOUND;
	/* No offset has a day, so these are the offsets before and after any change that could matter. */
	early = local.s - zone_data_offset(z->data, local.s - LOCAL_DAY_S);
	late = local.s - zone_data_offset(z->data, local.s + LOCAL_DAY_S);
	early_fits = early + zone_data_offset(z->data, early) == local.s;
	late_fits = late + zone_data_offset(z->data, late) == local.s;
	if (!early_fits && !late_fits)
		fit = TIME_ZONE_SKIPPED;
	else if (early_fits && late_fits && early != late)
		fit = TIME_ZONE_TWICE;
	*ret_unix_ms = (early_fits || !late_fits ? early : late) * 1000;
	if (ret_fit != NULL)
		*ret_fit = fit;
	return ERR_OK;
}

enum err
time_zone_to_local(const char *iana, int64_t unix_ms, struct local_time *ret)
{
	const struct zone *z = find(iana);
	int64_t unix_s = unix_ms / 1000 - (unix_ms % 1000 < 0);

	if (z == NULL)
		return ERR_NOTFOUND;
	ret->s = unix_s + zone_data_offset(z->data, unix_s);
	return ERR_OK;
}

/* No zone changes its clocks for less than two weeks. */
#define SAME_STEP_S (14 * LOCAL_DAY_S)
#define SAME_STEPS  53

bool
time_zone_same(const char *a, const char *b, int64_t from_ms)
{
	const struct zone *x = find(a), *y = find(b);

	if (x == NULL || y == NULL || x == y)
		return x == y && x != NULL;
	for (int64_t i = 0, at = from_ms / 1000; i < SAME_STEPS; i++, at += SAME_STEP_S)
		if (zone_data_offset(x->data, at) != zone_data_offset(y->data, at))
			return false;
	return true;
}
