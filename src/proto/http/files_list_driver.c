/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listing: the worker's part (reading, sorting, writing the page) and the loop's (the answer). A
 * directory may hold any number of names; a page holds the first LIST_MOST that the disk gives.
 */
#include "proto/http/files_list_driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shoal/error.h>
#include <shoal/http.h>

#include "proto/http/files_open_driver.h"

enum { LIST_MOST = 10000 };

/* A listing under way; freed when its answer is given. */
struct list_job {
    int root_fd;
    int result;
    struct shoal_buf *page;
    char **names;
    size_t count;
    size_t room;
    bool cut;
    const char *title; /* behind the path */
    char path[];
};

/* A link is listed as what it leads to, where that can be told. */
static bool is_directory(DIR *dir, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static int add(struct list_job *job, DIR *dir, const struct dirent *entry)
{
    if (job->count == job->room) {
        size_t room = job->room ? job->room * 2 : 64;
        char **names = realloc(job->names, room * sizeof(*names));
        if (!names)
            return -SHOAL_ENOMEM;
        job->names = names;
        job->room = room;
    }
    size_t length = strlen(entry->d_name);
    char *name = malloc(length + 2);
    if (!name)
        return -SHOAL_ENOMEM;
    memcpy(name, entry->d_name, length + 1);
    if (is_directory(dir, entry))
        memcpy(name + length, "/", 2);
    job->names[job->count++] = name;
    return 0;
}

static int read_names(struct list_job *job, DIR *dir)
{
    int rc = 0;
    const struct dirent *entry;
    while (rc == 0 && !job->cut && (entry = readdir(dir))) {
        if (!shoal__file_name_is_served(entry->d_name))
            continue;
        job->cut = job->count == LIST_MOST;
        if (!job->cut)
            rc = add(job, dir, entry);
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int write_page(struct list_job *job)
{
    if (job->count > 0)
        qsort(job->names, job->count, sizeof(*job->names), by_name);
    job->page = shoal_buf_create();
    return job->page
               ? shoal__file_listing_write(job->page, job->title, job->names, job->count, job->cut)
               : -SHOAL_ENOMEM;
}

static int list(struct list_job *job)
{
    int fd = shoal__files_open_directory(job->root_fd, job->path);
    if (fd < 0)
        return fd;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -SHOAL_ENOMEM;
    }
    int rc = read_names(job, dir);
    closedir(dir);
    return rc < 0 ? rc : write_page(job);
}

static void run_list(void *arg)
{
    struct list_job *job = arg;
    job->result = list(job);
}

static void free_job(struct list_job *job)
{
    for (size_t i = 0; i < job->count; i++)
        free(job->names[i]);
    free(job->names);
    shoal_buf_destroy(&job->page);
    free(job);
}

static void answer(struct shoal_http_request *req, struct list_job *job)
{
    int rc;
    if (job->result == 0)
        rc = shoal_http_reply_buf(req, 200, "text/html; charset=utf-8", job->page);
    else
        rc = shoal_http_reply_status(req, shoal__files_status(job->result));
    if (rc < 0)
        shoal_http_abort(req);
}

static void on_listed(struct shoal_http_request *req, int status, void *arg)
{
    struct list_job *job = arg;
    if (status < 0)
        job->result = status;
    if (req)
        answer(req, job);
    free_job(job);
}

static struct list_job *job_create(int root_fd, const char *path, const char *title)
{
    size_t path_size = strlen(path) + 1;
    size_t title_size = strlen(title) + 1;
    struct list_job *job = malloc(sizeof(*job) + path_size + title_size);
    if (!job)
        return NULL;
    *job = (struct list_job){.root_fd = root_fd, .title = job->path + path_size};
    memcpy(job->path, path, path_size);
    memcpy(job->path + path_size, title, title_size);
    return job;
}

int shoal__files_list(struct shoal_http_request *req, int root_fd, const char *path)
{
    struct list_job *job = job_create(root_fd, path, shoal_http_path(req));
    if (!job)
        return -SHOAL_ENOMEM;
    int rc = shoal_http_offload(req, run_list, on_listed, job);
    if (rc == -SHOAL_ESTATE) { /* no pool, by the server's own choice */
        run_list(job);
        on_listed(req, 0, job);
        return 0;
    }
    if (rc < 0)
        free_job(job);
    return rc;
}
