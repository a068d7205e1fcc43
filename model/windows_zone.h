/*
 * windows_zone.h - the IANA zone behind a name Windows and Outlook use: CLDR's windowsZones (release 41), territory 001.
 *
 * Several IANA zones share one Windows name; this gives the one CLDR takes for the whole world. Names only: the offsets
 * come from the system's zone data. Pure.
 */
#ifndef MODEL_WINDOWS_ZONE_H
#define MODEL_WINDOWS_ZONE_H

#include <stddef.h>

/* NULL: no such name. Without case. Static. */
const char *windows_zone_iana(const char *windows);
/* The rows, for those who show or test all of them. */
size_t windows_zone_count(void);
void windows_zone_row(size_t i, const char **ret_windows, const char **ret_iana);

#endif
