# Who may see whom. Holds the #include lines of runner/ and actions/ against the edges that add_module declares: a module
# includes itself and what its USES names, no more; each library is seen by its one module; what would be global
# state (environment, working directory, exit) is touched by the program's main.cpp alone; and no two headers define a
# type of one name, which the linker would silently take for the same.
#
#   cmake -D ROOT=<source directory> -D EDGES=<file> -P tests/layering.cmake
#
# EDGES has a line for each module: its name, its directory, then what it uses, with blanks between.
cmake_minimum_required(VERSION 3.25)

# pattern of an include => the one directory that may have it. Boost that is not named here is nobody's.
set(libraries
    "yaml\\.h$|yaml-cpp/" runner/yaml
    "git2(\\.h|/)|curl/|openssl/|boost/(process|asio|beast|filesystem|system)[./]" runner/sys
    "boost/json" runner/base
    "re2/" runner/buildspec
    "CLI/" runner/cli
    "(archive|archive_entry|zstd)\\.h$" runner/archive
    "pugixml" runner/reports
    "pcre2" actions
    "boost/" nobody
    "regex$" nobody)

# A call of one of these (no member of that name, no declaration of one), and the files that may make it. The supervisor changes directory in the child that is to run.
set(calls
    "getenv|secure_getenv|setenv|unsetenv|putenv|clearenv" "^runner/cli/main\\.cpp$"
    "exit|quick_exit" "^runner/cli/main\\.cpp$"
    "chdir|fchdir" "^runner/(cli/main\\.cpp$|supervisor/)")

set(found "")
macro(report)
  string(APPEND found "  " ${ARGN} "\n")
endmacro()

set(directories "")
file(STRINGS "${EDGES}" edges)
foreach(line IN LISTS edges)
  string(REPLACE " " ";" line "${line}")
  list(POP_FRONT line module directory)
  list(APPEND directories "${directory}")
  set(module_of_${directory} ${module})
  set(uses_of_${directory} ${line})
endforeach()

set(includers_of_cli11 "")
file(GLOB_RECURSE files RELATIVE "${ROOT}" "${ROOT}/runner/*.h" "${ROOT}/runner/*.cpp" "${ROOT}/actions/*.h" "${ROOT}/actions/*.cpp")
foreach(file IN LISTS files)
  get_filename_component(here "${file}" DIRECTORY)
  file(READ "${ROOT}/${file}" text)
  # CMake would take the text of a program for a list.
  string(REGEX REPLACE "[][]" " " text "${text}")
  string(REPLACE ";" "," text "${text}")
  if(NOT here IN_LIST directories)
    report("${file}: no add_module has the directory ${here}")
    continue()
  endif()

  string(REGEX MATCHALL "(^|\n)#include [^\n]*" includes "${text}")
  foreach(include IN LISTS includes)
    if(include MATCHES "#include \"([^\"]+)\"")
      set(path "${CMAKE_MATCH_1}")
      get_filename_component(there "${path}" DIRECTORY)
      if(path STREQUAL "runner/version.h")  # written by CMake, no module's
      elseif(NOT EXISTS "${ROOT}/${path}")
        report("${file}: \"${path}\" is no path from the root of the project")
      elseif(NOT there STREQUAL here AND NOT "${module_of_${there}}" IN_LIST uses_of_${here})
        report("${file}: \"${path}\" is not for ${module_of_${here}}, whose USES does not name ${module_of_${there}}")
      endif()
    elseif(include MATCHES "#include <([^>]+)>")
      set(path "${CMAKE_MATCH_1}")
      set(rest ${libraries})
      while(rest)
        list(POP_FRONT rest pattern owner)
        if(path MATCHES "^(${pattern})")
          if(NOT here STREQUAL owner)
            report("${file}: <${path}> is for ${owner} alone")
          endif()
          break()
        endif()
      endwhile()
      if(path MATCHES "^CLI/")
        list(APPEND includers_of_cli11 "${file}")
      endif()
    endif()
  endforeach()

  # Neither strings nor comments are code.
  string(REGEX REPLACE "\"([^\"\\\\\n]|\\\\.)*\"" "\"\"" text "${text}")
  string(REGEX REPLACE "//[^\n]*" "" text "${text}")
  if(file MATCHES "\\.h$")
    string(REGEX MATCHALL "\n(class|struct|enum class) [A-Za-z0-9_]+( final)?( :[^\n]*)? {" types "${text}")
    foreach(type IN LISTS types)
      string(REGEX REPLACE "^\n(class|struct|enum class) ([A-Za-z0-9_]+).*" "\\2" type "${type}")
      if(DEFINED header_of_${type})
        report("${file}: ${type} is in ${header_of_${type}}, too, and one namespace has one of a name")
      endif()
      set(header_of_${type} "${file}")
    endforeach()
  endif()
  set(rest ${calls})
  while(rest)
    list(POP_FRONT rest names allowed)
    if(NOT file MATCHES "${allowed}" AND text MATCHES "(^|[,{}()=!&|?+-]|:[ \n]|else|return)[ \n]*((std)?::)?(${names})\\(")
      report("${file}: ${CMAKE_MATCH_4}() is for main.cpp alone")
    endif()
  endwhile()
endforeach()

list(REMOVE_DUPLICATES includers_of_cli11)
list(LENGTH includers_of_cli11 count)
if(count GREATER 1)
  list(JOIN includers_of_cli11 ", " names)
  report("${names}: one file alone includes CLI11")
endif()

if(found)
  message(FATAL_ERROR "layering:\n${found}")
endif()
list(LENGTH files count)
message(STATUS "layering: ${count} files keep to their edges")
