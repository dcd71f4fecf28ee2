# SPDX-License-Identifier: BSD-3-Clause
# gRPC services of a target's own, in this tree and in projects that use Shoal. Needs protoc and
# protoc-c (Debian: protobuf-compiler, protobuf-c-compiler) and libprotobuf-c.

# shoal_generate_grpc(TARGET [ROOT <dir>] [IMPORTS <dir>...] FILE.proto...): generates each file's
# messages (FILE.pb-c.h, by protoc-c) and services (FILE.shoal.h, by protoc-gen-shoal), which become
# sources of the target, and links libprotobuf-c. FILEs are named as they import each other, from
# ROOT, the current source folder unless said otherwise; IMPORTS is where else imports are found.
# To be called in the folder that makes the target. Targets of one folder that use the same FILE
# share what is generated, which Ninja makes once; for other generators make a library of it.
function(shoal_generate_grpc target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "ROOT" "IMPORTS")
  find_program(SHOAL_PROTOC protoc REQUIRED)
  find_program(SHOAL_PROTOC_C protoc-c REQUIRED)
  if(NOT TARGET PkgConfig::PROTOBUFC)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(PROTOBUFC REQUIRED IMPORTED_TARGET libprotobuf-c)
  endif()
  if(NOT arg_ROOT)
    set(arg_ROOT ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  list(TRANSFORM arg_IMPORTS PREPEND -I)
  set(out ${CMAKE_CURRENT_BINARY_DIR})

  foreach(file IN LISTS arg_UNPARSED_ARGUMENTS)
    string(REGEX REPLACE "\\.proto$" "" stem ${out}/${file})
    set(messages ${stem}.pb-c.c ${stem}.pb-c.h)
    set(services ${stem}.shoal.c ${stem}.shoal.h)
    add_custom_command(OUTPUT ${messages}
      COMMAND ${SHOAL_PROTOC_C} -I${arg_ROOT} ${arg_IMPORTS} --c_out=${out}
        --dependency_out=${stem}.pb-c.d ${arg_ROOT}/${file}
      DEPENDS ${arg_ROOT}/${file} DEPFILE ${stem}.pb-c.d COMMENT "protoc-c ${file}" VERBATIM)
    add_custom_command(OUTPUT ${services}
      COMMAND ${SHOAL_PROTOC} --plugin=protoc-gen-shoal=$<TARGET_FILE:shoal::protoc-gen-shoal>
        -I${arg_ROOT} ${arg_IMPORTS} --shoal_out=${out}
        --dependency_out=${stem}.shoal.d ${arg_ROOT}/${file}
      DEPENDS ${arg_ROOT}/${file} shoal::protoc-gen-shoal DEPFILE ${stem}.shoal.d
      COMMENT "protoc-gen-shoal ${file}" VERBATIM)
    set_source_files_properties(${messages} PROPERTIES COMPILE_OPTIONS "-w") # not ours
    target_sources(${target} PRIVATE ${messages} ${services})
  endforeach()
  target_include_directories(${target} SYSTEM PRIVATE ${out})
  target_link_libraries(${target} PRIVATE PkgConfig::PROTOBUFC)
endfunction()
