# cmake/BerthRoom.cmake - one folder, one library: the one-way street is target_link_libraries.
#
#   berth_room(volumes ROOMS model base [WINGS folders...] LIBS libs... [PRIVATE_LIBS libs...])
#
# Its sources are the *.cpp of the folder and of its wings, without *_main.cpp. LIBS are those whose headers our headers include.
# ROOMS is exactly the right column of the table in docs/architecture.md; tests/checks/layering greps the includes.
function(berth_room name)
  cmake_parse_arguments(ARG "" "" "ROOMS;WINGS;LIBS;PRIVATE_LIBS" ${ARGN})
  set(patterns *.cpp)
  foreach(wing ${ARG_WINGS})
    list(APPEND patterns ${wing}/*.cpp)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  list(FILTER sources EXCLUDE REGEX "_main\\.cpp$")
  if(NOT sources) # a room that is still empty
    file(TOUCH ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp)
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp)
  endif()
  add_library(berth_${name} STATIC ${sources})
  set_target_properties(berth_${name} PROPERTIES LINKER_LANGUAGE CXX)
  list(TRANSFORM ARG_ROOMS PREPEND berth_)
  target_link_libraries(berth_${name} PUBLIC berth_flags ${ARG_ROOMS} ${ARG_LIBS} PRIVATE ${ARG_PRIVATE_LIBS})
  berth_precompile(berth_${name})
endfunction()

# A room whose code runs some hundred times a second at most, and of which there is much: its pages are memory that every host
# pays for, so a release is built for size.
function(berth_small_room name)
  target_compile_options(berth_${name} PRIVATE $<$<CONFIG:Release>:-Os>)
endfunction()

# The headers nearly every file includes; one pch for base, reused by all targets with equal flags.
function(berth_precompile target)
  if(NOT BERTH_PRECOMPILE)
    return()
  endif()
  # So that ccache can use them, ccache(1).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  else()
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
  # In angle brackets: an absolute path would end up in the header, and no other clone could use what ccache has.
  target_precompile_headers(${target} PRIVATE <cmake/precompiled.hpp>)
endfunction()

# An executable with our flags and precompiled headers.
function(berth_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE berth_flags ${ARG_LIBS})
  berth_precompile(${name})
endfunction()

# A GoogleTest executable registered with CTest. LABEL is the group of scripts/test that runs it (default: unit).
function(berth_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
  berth_executable(${name} SOURCES ${ARG_SOURCES} LIBS ${ARG_LIBS} GTest::gmock GTest::gtest GTest::gtest_main)
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

# A libFuzzer target with its corpus folder tests/fuzz/corpus/<name>.
function(berth_fuzz name)
  if(NOT BERTH_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  berth_executable(${name} SOURCES ${ARG_SOURCES} LIBS ${ARG_LIBS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()

# One test executable unit_<room> from tests/<room>/*_test.cpp (nothing when there is none).
function(berth_room_tests room)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${room}/*_test.cpp)
  if(sources)
    berth_test(unit_${room} SOURCES ${sources} LIBS berth_${room} ${ARG_LIBS})
    target_compile_definitions(unit_${room} PRIVATE BERTH_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  endif()
endfunction()
