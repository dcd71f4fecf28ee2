# SPDX-License-Identifier: BSD-3-Clause
# An outside project that finds an installed Shoal: the shared library and the static one.
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES C)
find_package(shoal 0.1 REQUIRED)
foreach(library IN ITEMS shoal shoal_static)
  add_executable(with_${library} outside.c)
  target_link_libraries(with_${library} PRIVATE shoal::${library})
endforeach()
add_executable(with_grpc grpc.c)
target_link_libraries(with_grpc PRIVATE shoal::shoal)
shoal_generate_grpc(with_grpc greeting.proto name.proto)
