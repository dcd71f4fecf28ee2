# SPDX-License-Identifier: BSD-3-Clause
# The manual, made from man/, the program's help and the headers' comments (tools/man-pages); made
# anew where one of them changes. Left out where there is no Python.
find_program(SHOAL_PYTHON NAMES python3 HINTS /usr/bin) # the tests want Debian's, with its modules
if(NOT SHOAL_PYTHON)
  return()
endif()

file(GLOB manual_sources CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/man/*.in ${PROJECT_SOURCE_DIR}/include/shoal/*.h)
set(SHOAL_MANUAL ${PROJECT_BINARY_DIR}/man)
add_custom_command(OUTPUT ${SHOAL_MANUAL}/made
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${SHOAL_MANUAL}
  COMMAND ${PROJECT_SOURCE_DIR}/tools/man-pages $<TARGET_FILE:shoal> ${PROJECT_VERSION} ${SHOAL_MANUAL}
  COMMAND ${CMAKE_COMMAND} -E touch ${SHOAL_MANUAL}/made
  DEPENDS shoal ${manual_sources} ${PROJECT_SOURCE_DIR}/tools/man-pages
  COMMENT "Writing the manual" VERBATIM)
add_custom_target(manual ALL DEPENDS ${SHOAL_MANUAL}/made)
