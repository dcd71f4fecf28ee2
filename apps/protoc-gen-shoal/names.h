/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names that protoc-c makes of those in a .proto file, by its rules, so that generated code
 * finds protoc-c's types and descriptors. All return text to be freed. Thread: any.
 */
#ifndef PROTOC_GEN_SHOAL_NAMES_H
#define PROTOC_GEN_SHOAL_NAMES_H

#include <plugin.pb-c.h>

/* Of a type: "pkg.my_type.Inner" is "Pkg__MyType__Inner". Thread: any. */
char *name_of_type(const char *full_name);

/* Of a symbol: "pkg.FishMarket" is "pkg__fish_market". Thread: any. */
char *name_of_symbol(const char *full_name);

/* Of an include guard: letters and digits stay, "/" is "_2f". Thread: any. */
char *name_of_guard(const char *file_name);

/* A file's name without ".proto". Thread: any. */
char *name_of_stem(const char *file_name);

/* "package.Name" of what stands at the top of a file. Thread: any. */
char *name_in_file(const Plugin__File *file, const char *name);

/* The same with the package that the file has in C (its option c_package, if any), of a full name
 * in that file. Thread: any. */
char *name_in_c(const Plugin__File *file, const char *full_name);

#endif
