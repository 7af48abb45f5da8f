# A room is one folder with one job, built as one object library.
#
#   duet_room(loop_sync USES loop_core)
#
# takes every .c (and .S) file of the calling folder.  USES names the rooms below it and the
# third-party libraries that this room alone may include.  All rooms become libduet; tests that
# look inside link the rooms themselves through duet_internal.

set_property(GLOBAL PROPERTY DUET_ROOMS "")

# What every program of this tree is compiled with, the examples too.
add_library(duet_warnings INTERFACE)
target_compile_features(duet_warnings INTERFACE c_std_11)
target_compile_definitions(duet_warnings INTERFACE _GNU_SOURCE)
target_compile_options(duet_warnings INTERFACE -Wall -Wextra -Wshadow -Wstrict-prototypes)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 12)
  # Waiters are linked into lists from the stack of whoever waits: that is what stacks are for here.
  target_compile_options(duet_warnings INTERFACE -Wno-dangling-pointer)
endif()
if(DUET_WERROR)
  target_compile_options(duet_warnings INTERFACE -Werror)
endif()
if(DUET_FUZZ)
  set(DUET_SANITIZE address,undefined)
  target_compile_options(duet_warnings INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(DUET_SANITIZE)
  target_compile_options(duet_warnings INTERFACE -fsanitize=${DUET_SANITIZE} -g)
  target_link_options(duet_warnings INTERFACE -fsanitize=${DUET_SANITIZE})
endif()

# And what the rooms are, and whoever looks inside them.
add_library(duet_flags INTERFACE)
target_link_libraries(duet_flags INTERFACE duet_warnings)
target_compile_options(duet_flags INTERFACE
  -fvisibility=hidden -fno-omit-frame-pointer -fno-semantic-interposition
  -fstack-protector-strong -fstack-clash-protection)
if(NOT DUET_SANITIZE)
  target_compile_options(duet_flags INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE>
    $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-D_FORTIFY_SOURCE=2>)
endif()
if(DUET_UCONTEXT)
  target_compile_definitions(duet_flags INTERFACE DUET_UCONTEXT)
endif()
target_include_directories(duet_flags INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/loop/include ${PROJECT_SOURCE_DIR}/pool/include)

function(duet_room name)
  cmake_parse_arguments(ROOM "" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c ${CMAKE_CURRENT_SOURCE_DIR}/*.S)
  if(NOT sources)
    return()
  endif()
  add_library(${name} OBJECT ${sources})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(${name} PRIVATE DUET_BUILDING)
  target_link_libraries(${name} PRIVATE duet_flags)
  foreach(used ${ROOM_USES})
    if(used MATCHES "^(loop|ipc|pool)")
      continue() # rooms are joined in duet_assemble; the layers test checks the direction
    endif()
    target_link_libraries(${name} PRIVATE ${used})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY DUET_ROOMS ${name})
endfunction()

function(duet_assemble target)
  get_property(rooms GLOBAL PROPERTY DUET_ROOMS)
  set(third_party PkgConfig::DUET_EVENT CURL::libcurl PkgConfig::DUET_CJSON Threads::Threads m)
  foreach(room ${rooms})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${room}>)
  endforeach()
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    INSTALL_RPATH "")
  target_link_libraries(${target} PRIVATE ${third_party}
    $<BUILD_INTERFACE:duet_dep_nng> $<INSTALL_INTERFACE:nng>)
  target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now,-z,noexecstack,-Bsymbolic-functions)
  if(DUET_SANITIZE)
    target_link_options(${target} PUBLIC -fsanitize=${DUET_SANITIZE})
  else() # the sanitizers' own symbols come with the program
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/loop/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/pool/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

  # What white-box tests and benches link: the same objects, hidden symbols reachable.
  add_library(duet_internal STATIC EXCLUDE_FROM_ALL)
  foreach(room ${rooms})
    target_sources(duet_internal PRIVATE $<TARGET_OBJECTS:${room}>)
  endforeach()
  set_target_properties(duet_internal PROPERTIES LINKER_LANGUAGE C)
  target_link_libraries(duet_internal PUBLIC duet_flags ${third_party} duet_dep_nng)
endfunction()
