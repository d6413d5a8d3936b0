# cmake/BerthFlags.cmake - warnings, sanitizers, ccache; the same for every target of ours.
add_library(berth_flags INTERFACE)
target_include_directories(berth_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(berth_flags INTERFACE BERTH_VERSION="${PROJECT_VERSION}" BOOST_ASIO_NO_DEPRECATED)
target_compile_options(berth_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Werror
  -fno-omit-frame-pointer -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees uninitialised or overlapping memory in std::variant and std::string that is not there (PR 105562, 105651).
  target_compile_options(berth_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()

if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  # Others multiply and add with one rounding, if allowed to: a number shall have the same digits everywhere.
  target_compile_options(berth_flags INTERFACE -ffp-contract=off)
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
if(BERTH_SANITIZE)
  # What the sanitizers add takes the optimizer more than half of the time of a compilation, and tests mostly wait.
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
endif()
set(CMAKE_CXX_FLAGS_QUICK "-O0 -g1") # for a first look at a change: compiles in half the time
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # A root daemon that indexes what comes from the network: a wrong index ends the process instead of reading on.
  target_compile_definitions(berth_flags INTERFACE _FORTIFY_SOURCE=2 _GLIBCXX_ASSERTIONS)
  target_compile_options(berth_flags INTERFACE -fstack-protector-strong -ffunction-sections -fdata-sections)
  target_link_options(berth_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--gc-sections)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64") # binutils 2.40 knows it for no other
    # Packed relocations (glibc 2.36): the loader reads all of them at each start, and they stay mapped.
    target_link_options(berth_flags INTERFACE -Wl,-z,pack-relative-relocs)
  endif()
endif()
add_link_options(-Wl,--as-needed)

if(BERTH_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Asio's fences: g++ warns that TSan does not model them. And with its instrumentation g++ 12 loses the size of a
  # std::string's buffer when it is moved (PR 105329); the other presets still look.
  add_compile_options(-Wno-tsan -Wno-array-bounds -Wno-stringop-overflow)
endif()
if(BERTH_SANITIZE)
  add_compile_options(-fsanitize=${BERTH_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BERTH_SANITIZE})
endif()
if(BERTH_FUZZ)
  add_compile_options(-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options(-fPIC -pthread) # what some need, for all: they share a precompiled header
endif()
if(BERTH_SANITIZE MATCHES "undefined" OR BERTH_FUZZ)
  # Checks at each access to a member, a third of the time of a compilation: what is null ends the process all the same.
  add_compile_options(-fno-sanitize=null,alignment,vptr)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # BASEDIR and NOHASHDIR: another clone or preset hits too. Sloppiness: what ccache(1) asks for with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
endif()
