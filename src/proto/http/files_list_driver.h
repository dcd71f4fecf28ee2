/* SPDX-License-Identifier: BSD-3-Clause */
/* Listing a directory: its names are read, sorted and made into a page by a worker. */
#ifndef SHOAL_PROTO_HTTP_FILES_LIST_DRIVER_H
#define SHOAL_PROTO_HTTP_FILES_LIST_DRIVER_H

struct shoal_http_request;

/*
 * Answers with the listing of the directory `path` beneath `root_fd`, or 404 where there is none.
 * Returns 0 where the answer is on its way, or as shoal_http_offload(). Thread: owner.
 */
int shoal__files_list(struct shoal_http_request *req, int root_fd, const char *path);

#endif
