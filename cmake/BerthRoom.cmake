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

# The headers nearly every file includes, precompiled.
#
# What comes of it holds where it was made, and is large. So ccache is told (CCACHE_PCH_EXTSUM) to look at a sum in its place, of
# what the header is made of: it serves other clones, too, and need not read 120 MB for each file.
function(berth_precompile target)
  if(NOT BERTH_PRECOMPILE)
    return()
  endif()
  add_dependencies(${target} berth_precompiled)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # Where fmt is in the headers, or names are hidden, it would have to be another one.
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "MODULE_LIBRARY")
      return()
    endif()
    set(other $<IN_LIST:FMT_HEADER_ONLY,$<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>>)
    target_compile_options(${target} PRIVATE "SHELL:$<$<NOT:${other}>:-include-pch ${BERTH_PRECOMPILED}>")
    return()
  endif()
  # g++ wants one for each set of options. ccache(1) asks for -fpch-preprocess.
  target_compile_options(${target} PRIVATE -fpch-preprocess)
  # In angle brackets: an absolute path would end up in the header, and no other clone could use what ccache has.
  target_precompile_headers(${target} PRIVATE <cmake/precompiled.hpp>)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${target}.dir)
  file(MAKE_DIRECTORY ${folder})
  file(CREATE_LINK ${BERTH_PRECOMPILED}.sum ${folder}/cmake_pch.hxx.gch.sum SYMBOLIC)
endfunction()

# clang takes one for all targets, whatever macros they have besides; CMake would make one for each.
if(BERTH_PRECOMPILE)
  set(BERTH_PRECOMPILED ${CMAKE_BINARY_DIR}/precompiled.pch)
  get_target_property(flags berth_flags INTERFACE_COMPILE_OPTIONS)
  get_directory_property(more COMPILE_OPTIONS)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  separate_arguments(kind UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
  set(header ${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp)
  set(compile ${CMAKE_CXX_COMPILER} ${kind} ${more} ${flags} ${CMAKE_CXX20_STANDARD_COMPILE_OPTION} -I${CMAKE_SOURCE_DIR}
              -DFMT_SHARED -DBOOST_ASIO_NO_DEPRECATED -x c++-header ${header})
  set(make_sum sh -c "\"$@\" | sha256sum >\"$0\"" ${BERTH_PRECOMPILED}.sum ${compile} -w -E -P -MD -MT precompiled.pch.sum
               -MF ${BERTH_PRECOMPILED}.d)
  add_custom_command(OUTPUT ${BERTH_PRECOMPILED}.sum DEPENDS ${header} DEPFILE ${BERTH_PRECOMPILED}.d VERBATIM COMMAND ${make_sum})
  add_custom_target(berth_precompiled DEPENDS ${BERTH_PRECOMPILED}.sum)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_custom_command(OUTPUT ${BERTH_PRECOMPILED} DEPENDS ${BERTH_PRECOMPILED}.sum VERBATIM
      COMMAND ${compile} -Wno-pragma-once-outside-header -fpch-instantiate-templates -o ${BERTH_PRECOMPILED})
    add_custom_target(berth_precompiled_header DEPENDS ${BERTH_PRECOMPILED})
    add_dependencies(berth_precompiled berth_precompiled_header)
  endif()
endif()

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
    set(ARG_TIMEOUT 600)
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
  endif()
endfunction()
