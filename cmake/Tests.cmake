# Programs that are found, not listed: a new file in the right folder is built and run.
#
#   duet_test(name SOURCES a.c ... [INTERNAL] [LABELS x ...] [LIBS y ...])
#   duet_example(name SOURCES a.c ... [LIBS y ...] [ARGS z ...] [NO_TEST])
#   duet_bench(name SOURCES a.c ... [LIBS y ...])
#   duet_fuzz(name SOURCES a.c ... [LIBS y ...])
#
# INTERNAL links the rooms themselves, so that a test may include "loop/core/...".

# What ctest says to each program: sanitizers stop at the first report and know about fork.
set(DUET_TEST_ENVIRONMENT
  "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1"
  "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
  "TSAN_OPTIONS=die_after_fork=0:halt_on_error=1:atexit_sleep_ms=0:allocator_may_return_null=1"
  "LSAN_OPTIONS=print_suppressions=0")

function(duet_test name)
  cmake_parse_arguments(T "INTERNAL" "" "SOURCES;LABELS;LIBS" ${ARGN})
  string(REGEX REPLACE "[^A-Za-z0-9]" "_" target "test_${name}")
  add_executable(${target} ${T_SOURCES})
  target_link_libraries(${target} PRIVATE duet_testlib ${T_LIBS})
  if(T_INTERNAL)
    target_link_libraries(${target} PRIVATE duet_internal)
  else()
    target_link_libraries(${target} PRIVATE duet::duet)
  endif()
  add_test(NAME ${name} COMMAND ${target})
  set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}" TIMEOUT 600
    SKIP_RETURN_CODE 77 ENVIRONMENT "${DUET_TEST_ENVIRONMENT}")
  if("serial" IN_LIST T_LABELS)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

# Every tests/ROOM/.../test_NOUN.c becomes the ctest ROOM/.../NOUN, labelled unit and with the
# names of its folders.  Its folder's other .c files are fixtures, linked into each of them.  A
# comment line "ctest-labels: threads" adds labels; "ctest-libs: crypto" adds libraries; "ctest-wrap:
# malloc" has calls of that function come to the test's __wrap_malloc.  Labels that
# mean something: threads (also runs under TSan), serial (runs while no other test does).
function(duet_tests_find)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} test_*.c)
  foreach(file ${files})
    get_filename_component(folder ${file} DIRECTORY)
    if(folder MATCHES "^(lib|fuzz|checks|nightly)(/|$)" OR (folder STREQUAL tools AND NOT TARGET duet_tools))
      continue()
    endif()
    get_filename_component(noun ${file} NAME_WE)
    string(REGEX REPLACE "^test_" "" noun ${noun})
    string(REPLACE "/" ";" labels "unit/${folder}")
    duet_marks(${file} ctest-labels more_labels)
    duet_marks(${file} ctest-libs libs)
    file(GLOB fixtures CONFIGURE_DEPENDS ${folder}/*.c)
    list(FILTER fixtures EXCLUDE REGEX "/test_[^/]*$")
    duet_marks(${file} ctest-wrap wraps)
    list(TRANSFORM wraps PREPEND "-Wl,--wrap=")
    if(folder STREQUAL tools)
      list(APPEND libs duet_tools)
    endif()
    duet_test(${folder}/${noun} INTERNAL SOURCES ${file} ${fixtures}
      LABELS ${labels} ${more_labels} LIBS ${libs} ${wraps})
  endforeach()
endfunction()

# The words behind "MARK:" in a source file's comment.
function(duet_marks file mark result)
  file(STRINGS ${file} line REGEX "${mark}:" LIMIT_COUNT 1)
  string(REGEX REPLACE ".*${mark}:([A-Za-z0-9_ :-]*).*" "\\1" words "${line}")
  separate_arguments(words UNIX_COMMAND "${words}")
  set(${result} "${words}" PARENT_SCOPE)
endfunction()

# An example: public headers only.  Its standard output must be expected/NAME.txt, if there is one.
function(duet_example name)
  cmake_parse_arguments(E "NO_TEST" "" "SOURCES;LIBS;ARGS" ${ARGN})
  set_property(GLOBAL APPEND PROPERTY DUET_EXAMPLES ${name})
  add_executable(example_${name} ${E_SOURCES})
  set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name})
  target_link_libraries(example_${name} PRIVATE duet_warnings duet::duet ${E_LIBS})
  if(E_NO_TEST OR NOT DUET_BUILD_TESTS)
    return()
  endif()
  add_test(NAME example/${name} COMMAND sh ${PROJECT_SOURCE_DIR}/tests/checks/example.sh
    ${CMAKE_CURRENT_SOURCE_DIR}/expected/${name}.txt $<TARGET_FILE:example_${name}> ${E_ARGS})
  set_tests_properties(example/${name} PROPERTIES LABELS example TIMEOUT 120
    ENVIRONMENT "${DUET_TEST_ENVIRONMENT};DUET_LESSON_CLOCK=virtual")
  list(GET E_SOURCES 0 main)
  duet_marks(${main} ctest-labels labels)
  if("serial" IN_LIST labels)
    set_tests_properties(example/${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

function(duet_bench name)
  cmake_parse_arguments(B "" "" "SOURCES;LIBS" ${ARGN})
  set_property(GLOBAL APPEND PROPERTY DUET_BENCHES ${name})
  add_executable(bench_${name} ${B_SOURCES})
  set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name})
  target_link_libraries(bench_${name} PRIVATE duet_internal ${B_LIBS})
endfunction()

# Calls example or bench for each NAME.c that has not been declared by hand; a folder NAME/ beside
# it holds its further files.
macro(duet_programs_find kind property)
  file(GLOB files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.c)
  get_property(declared GLOBAL PROPERTY ${property})
  foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    if(name IN_LIST declared)
      continue()
    endif()
    file(GLOB parts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.c)
    duet_marks(${file} ctest-libs libs)
    cmake_language(CALL duet_${kind} ${name} SOURCES ${file} ${parts} LIBS ${libs})
  endforeach()
endmacro()

# Each fuzz target replays its corpus in every build; with DUET_FUZZ it also searches for 15 s.
function(duet_fuzz name)
  cmake_parse_arguments(F "" "" "SOURCES;LIBS" ${ARGN})
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  add_executable(fuzz_${name} ${F_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE ${F_LIBS} duet_internal)
  if(NOT DUET_FUZZ)
    target_sources(fuzz_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/replay/replay.c)
    add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${corpus})
    set_tests_properties(fuzz/${name} PROPERTIES LABELS "unit;replay" TIMEOUT 120
      ENVIRONMENT "${DUET_TEST_ENVIRONMENT}")
    return()
  endif()
  set(found ${CMAKE_CURRENT_BINARY_DIR}/found/${name})
  file(MAKE_DIRECTORY ${found})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set(dict)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.dict)
    set(dict -dict=${CMAKE_CURRENT_SOURCE_DIR}/${name}.dict)
  endif()
  set(seeds)
  if(IS_DIRECTORY ${corpus})
    set(seeds ${corpus})
  endif()
  add_test(NAME fuzz/${name} COMMAND fuzz_${name} -max_total_time=15 -timeout=10 -max_len=65536
    -rss_limit_mb=1024 -artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/crash-${name}-
    -print_final_stats=1 ${dict} ${found} ${seeds})
  set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 120
    ENVIRONMENT "${DUET_TEST_ENVIRONMENT}")
endfunction()
