// The border between the program and its shared module for git: one C function that does all.
#pragma once

#include <stddef.h>

extern "C" {

enum BuildspecRunGitField {
  BUILDSPEC_RUN_GIT_WHY = 0,  // what was in the way
  BUILDSPEC_RUN_GIT_ROOT = 1,
  BUILDSPEC_RUN_GIT_COMMIT = 2,
  BUILDSPEC_RUN_GIT_BRANCH = 3,
  BUILDSPEC_RUN_GIT_TAG = 4,
  BUILDSPEC_RUN_GIT_REMOTE_URL = 5,  // as configured, credentials included
};

/// Says each fact it finds about `directory` by a call of `say`, from within the call, at most once a field.
typedef void BuildspecRunGitFacts(const char* directory,
                                  void (*say)(void* context, int field, const char* text, size_t length),
                                  void* context);

/// The name of that function in the module. Its number changes when the border does.
#define BUILDSPEC_RUN_GIT_FACTS_NAME "buildspec_run_git_facts_1"
}
