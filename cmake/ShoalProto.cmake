# SPDX-License-Identifier: BSD-3-Clause
# What is generated from .proto files at build time, by Debian's protobuf-compiler and
# protobuf-c-compiler. SHOAL_GRPC_PROTO is where the package grpc-proto has its files.
include_guard(GLOBAL)

find_program(SHOAL_PROTOC protoc REQUIRED)
find_program(SHOAL_PROTOC_C protoc-c REQUIRED)
find_path(SHOAL_GRPC_PROTO grpc/health/v1/health.proto REQUIRED
  PATHS /usr/share/grpc-proto /usr/local/share/grpc-proto)
# Only tests import Google's own: from libprotobuf-dev, or from python3-grpc-tools.
find_path(SHOAL_GOOGLE_PROTO google/protobuf/struct.proto
  PATHS /usr/lib/python3/dist-packages/grpc_tools/_proto)

# shoal_proto_c(OUT ROOT FILE...): protoc-c's sources, in OUT. The headers are included as
# <FILE.pb-c.h> by targets that have CMAKE_CURRENT_BINARY_DIR among their directories.
function(shoal_proto_c out root)
  set(sources)
  foreach(file IN LISTS ARGN)
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    set(made ${CMAKE_CURRENT_BINARY_DIR}/${stem}.pb-c.c ${CMAKE_CURRENT_BINARY_DIR}/${stem}.pb-c.h)
    add_custom_command(OUTPUT ${made}
      COMMAND ${SHOAL_PROTOC_C} -I${root} --c_out=${CMAKE_CURRENT_BINARY_DIR} ${root}/${file}
      DEPENDS ${root}/${file} COMMENT "protoc-c ${file}" VERBATIM)
    set_source_files_properties(${made} PROPERTIES COMPILE_OPTIONS "-w")
    list(APPEND sources ${made})
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# shoal_proto_set(OUT SYMBOL ROOT FILE...): a source file, in OUT, with the FileDescriptorSet of the
# files and what they import as the array SYMBOL and its size as SYMBOL_size.
function(shoal_proto_set out symbol root)
  set(set ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.pb)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  list(TRANSFORM ARGN PREPEND ${root}/ OUTPUT_VARIABLE files)
  set(google)
  if(SHOAL_GOOGLE_PROTO)
    set(google -I${SHOAL_GOOGLE_PROTO})
  endif()
  add_custom_command(OUTPUT ${source}
    COMMAND ${SHOAL_PROTOC} -I${root} ${google} --include_imports --descriptor_set_out=${set} ${files}
    COMMAND ${CMAKE_COMMAND} -DFILE=${set} -DSYMBOL=${symbol} -DOUT=${source}
      -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "protoc ${symbol}" VERBATIM)
  set(${out} ${source} PARENT_SCOPE)
endfunction()
