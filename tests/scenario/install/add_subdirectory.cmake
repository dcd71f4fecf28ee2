# SPDX-License-Identifier: BSD-3-Clause
# An outside project that has Shoal's sources among its own.
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES C)
add_subdirectory(${SHOAL_SOURCE_DIR} shoal)
foreach(library IN ITEMS shoal shoal_static)
  add_executable(with_${library} outside.c)
  target_link_libraries(with_${library} PRIVATE shoal::${library})
endforeach()
add_executable(with_grpc grpc.c)
target_link_libraries(with_grpc PRIVATE shoal::shoal)
shoal_generate_grpc(with_grpc greeting.proto name.proto)
