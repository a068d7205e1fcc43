/*
 * durable_file.h - files that are on the disk when a function says so, and never half written under their name.
 *
 * A rename is on the disk when its folder is, so whoever renames or makes a file that must stay syncs the folder, too. False: errno says
 * why. Blocks; for start-up, commands and what is rarely written.
 */
#ifndef BASE_DURABLE_FILE_H
#define BASE_DURABLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct stat;

/* All of data, from where fd stands; not synced. */
bool durable_file_write(int fd, const void *data, size_t len);
/* The folder that path is in, not path itself. */
bool durable_file_sync_folder(const char *path);
/* Makes the file fresh, which must not be there, with data, and puts it in the place of path. like: whose mode the file gets, and, where
 * root asks, whose owner; NULL: 0600, the caller's. On failure fresh may be left over: it is the caller's to remove. */
bool durable_file_replace(const char *path, const char *fresh, const void *data, size_t len, const struct stat *like);

#endif
