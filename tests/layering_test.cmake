# layering.cmake finds what it is there to find. Each case is a small tree with one thing wrong.
#
#   cmake -D WORK=<directory> -P tests/layering_test.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE "${WORK}")
file(WRITE "${WORK}/edges"
     "runner_base runner/base\nrunner_sys runner/sys runner_base\nrunner_exec runner/exec runner_sys\nrunner_cli runner/cli runner_exec\n")

# try(file text want): with FILE holding TEXT, layering.cmake says WANT; with no WANT, it finds nothing.
function(try file text want)
  set(tree "${WORK}/tree")
  file(REMOVE_RECURSE "${tree}")
  file(WRITE "${tree}/runner/base/text.h" "#pragma once\n#include <string>\n#include <fmt/core.h>\n\nstruct Text {\n};\n")
  file(WRITE "${tree}/runner/sys/files.h" "#pragma once\n#include \"runner/base/text.h\"\n#include <sys/types.h>\n")
  file(WRITE "${tree}/runner/sys/files.cpp" "#include \"runner/sys/files.h\"\n#include <git2.h>\n#include <boost/asio.hpp>\n")
  file(WRITE "${tree}/runner/cli/main.cpp" "#include <cstdlib>\nint main() { exit(getenv(\"A\") != nullptr); }\n")
  file(WRITE "${tree}/runner/cli/arguments.cpp" "#include <CLI/CLI.hpp>\n")
  file(WRITE "${tree}/${file}" "${text}")
  execute_process(COMMAND "${CMAKE_COMMAND}" -D "ROOT=${tree}" -D "EDGES=${WORK}/edges"
                          -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/layering.cmake"
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  if(want STREQUAL "" AND NOT status EQUAL 0)
    message(SEND_ERROR "${file} is fine:\n${text}\n${output}")
  elseif(NOT want STREQUAL "" AND (status EQUAL 0 OR NOT output MATCHES "${want}"))
    message(SEND_ERROR "${file} should be told \"${want}\":\n${text}\n${output}")
  endif()
endfunction()

try(runner/exec/a.cpp "#include \"runner/sys/files.h\"\n#include \"runner/exec/a.cpp\"\n" "")
try(runner/exec/a.cpp "int a;\n#include \"runner/base/text.h\"\n" "USES does not name runner_base")
try(runner/base/a.h "#include \"runner/sys/files.h\"\n" "runner_base, whose USES does not name runner_sys")
try(runner/exec/a.cpp "#include \"a.h\"\n" "\"a.h\" is no path from the root")
try(runner/other/a.cpp "int a;\n" "no add_module has the directory runner/other")
try(actions/a.cpp "int a;\n" "no add_module has the directory actions")

try(runner/exec/a.cpp "#include <git2/repository.h>\n" "<git2/repository.h> is for runner/sys alone")
try(runner/exec/a.cpp "#include <boost/process/v2.hpp>\n" "is for runner/sys alone")
try(runner/sys/a.cpp "#include <boost/json.hpp>\n" "is for runner/base alone")
try(runner/sys/a.cpp "#include <yaml.h>\n" "is for runner/yaml alone")
try(runner/base/a.cpp "#include <boost/regex.hpp>\n" "is for nobody alone")
try(runner/base/a.cpp "#include <regex>\n" "is for nobody alone")
try(runner/sys/a.cpp "#include <CLI/CLI.hpp>\n" "is for runner/cli alone")
try(runner/cli/a.cpp "#include <CLI/CLI.hpp>\n" "runner/cli/a.cpp, runner/cli/arguments.cpp: one file alone")

try(runner/sys/a.cpp "auto a = std::getenv(\"A\");\n" "getenv\\(\\) is for main.cpp alone")
try(runner/sys/a.cpp "void f() { ::exit(1); }\n" "exit\\(\\) is for main.cpp alone")
try(runner/sys/a.cpp "void f() {\n  chdir(\"/\");\n}\n" "chdir\\(\\) is for main.cpp alone")
try(runner/sys/a.cpp "void f() { if (a[1]) exit(1); }\n" "exit\\(\\) is for main.cpp alone")
try(runner/sys/a.cpp "void f() { a[1]; exit(1); }\n" "exit\\(\\) is for main.cpp alone")
try(runner/sys/a.cpp "int f() { return std::system(0) + std::atexit(g) + getenv(a); }\n" "getenv\\(\\) is for main.cpp alone")
try(runner/sys/a.h "struct S {\n  void exit(int status);\n};\n" "")
try(runner/sys/a.cpp "void f() { _exit(1); on_exit(2); s.exit(3); Shell::exit(4); }  // exit(1)\nauto s = \"exit(1)\";\n" "")

try(runner/exec/a.h "\nclass Text;\nclass Texts {\n};\n" "")
try(runner/exec/a.h "\nenum class Text : int {\n  a\n};\n" "Text is in runner/base/text.h, too")
