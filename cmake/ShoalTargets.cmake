# SPDX-License-Identifier: BSD-3-Clause
# How Shoal's targets are made: one place for language level, warnings and sanitizers.
include_guard(GLOBAL)

# shoal_requires(PREFIX MODULE VERSION): a library that libshoal links, by its pkg-config name.
# Makes the target PkgConfig::PREFIX.
macro(shoal_requires prefix module version)
  pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET GLOBAL "${module}>=${version}")
  list(APPEND SHOAL_LIBRARIES PkgConfig::${prefix})
  list(APPEND SHOAL_PC_REQUIRES "${module} >= ${version}")
  string(APPEND SHOAL_PACKAGE_REQUIRES
    "pkg_check_modules(${prefix} QUIET IMPORTED_TARGET \"${module}>=${version}\")\n"
    "if(NOT ${prefix}_FOUND)\n  set(shoal_static_usable FALSE)\nendif()\n")
endmacro()

# shoal_part(OPTION FOLDER): a folder that is built where OPTION is on and the folder is there.
macro(shoal_part option folder)
  if(${option} AND EXISTS ${PROJECT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${folder})
  endif()
endmacro()

# shoal_compile_options(TARGET): what every C target of this tree is built with.
function(shoal_compile_options target)
  target_compile_features(${target} PRIVATE c_std_17)
  set_target_properties(${target} PROPERTIES
    C_EXTENSIONS ON
    C_VISIBILITY_PRESET hidden
    POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow
    $<$<BOOL:${SHOAL_WERROR}>:-Werror>)
  if(SHOAL_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${SHOAL_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${SHOAL_SANITIZE})
  endif()
endfunction()

# shoal_layer(NAME SOURCES...): one layer of the library (see ARCHITECTURE.md), in its own folder.
# Makes the object library shoal_layer_NAME, the same for optimisation across files as shoal_lto_NAME
# (with SHOAL_LTO), and, where there are tests, the archive shoal_archive_NAME for tools/check-link.
function(shoal_layer name)
  foreach(kind IN ITEMS layer lto)
    if(kind STREQUAL layer OR SHOAL_LTO)
      add_library(shoal_${kind}_${name} OBJECT ${ARGN})
      shoal_compile_options(shoal_${kind}_${name})
      target_include_directories(shoal_${kind}_${name} PRIVATE
        ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    endif()
  endforeach()
  if(SHOAL_LTO)
    target_compile_options(shoal_lto_${name} PRIVATE -flto)
    set_target_properties(shoal_lto_${name} PROPERTIES EXPORT_COMPILE_COMMANDS OFF) # tools see all once
  endif()
  if(SHOAL_HOUSE_CHECKS)
    add_library(shoal_archive_${name} STATIC $<TARGET_OBJECTS:shoal_layer_${name}>)
    set_target_properties(shoal_archive_${name} PROPERTIES
      LINKER_LANGUAGE C
      ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/layers
      OUTPUT_NAME ${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY SHOAL_LAYERS ${name})
endfunction()

# shoal_link_whole(TARGET): links the library's objects, optimised across files with SHOAL_LTO, else
# the static library.
function(shoal_link_whole target)
  if(NOT SHOAL_LTO)
    target_link_libraries(${target} PRIVATE shoal_static)
    return()
  endif()
  get_property(layers GLOBAL PROPERTY SHOAL_LAYERS)
  foreach(layer IN LISTS layers)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:shoal_lto_${layer}>)
  endforeach()
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include)
  target_link_options(${target} PRIVATE -flto=auto)
  target_link_libraries(${target} PRIVATE ${SHOAL_LIBRARIES} Threads::Threads)
endfunction()

# shoal_program(NAME SOURCES...): a program linked with the static library.
function(shoal_program name)
  add_executable(${name} ${ARGN})
  shoal_compile_options(${name})
  target_link_libraries(${name} PRIVATE shoal_static)
endfunction()

# shoal_test(NAME LABELS <label...> [TIMEOUT <seconds>] [SERIAL] COMMAND <command...>): a test with
# a time limit of its own. One that exits with 77 could not run on this machine; it is named in
# tests/machine-limits.txt or counts as failed. A test that loads the machine is SERIAL.
function(shoal_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "LABELS;COMMAND")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  if(SHOAL_SANITIZE) # makes everything slower, some tests tenfold
    math(EXPR arg_TIMEOUT "3 * ${arg_TIMEOUT}")
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND})
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}"
    TIMEOUT ${arg_TIMEOUT}
    RUN_SERIAL "${arg_SERIAL}"
    SKIP_RETURN_CODE 77)
endfunction()
