#include "runner/exec/removed_on_death.h"

#include <string>

#include "runner/exec/environment.h"

namespace buildspec_run {

RemovedOnDeath::RemovedOnDeath(ProcessRunner& processes, const Path& directory) : processes_(processes) {
  const std::string mark = ".run-" + make_uuid();
  if (!write_new_file(directory / mark, "")) return;
  ProcessSpec remove;
  remove.argv = {"/bin/sh",
                 "-c",
                 "cd \"$1\" && test -e \"$2\" && { rm -rf ./* ./.[!.]* ./..?*; rmdir \"$1\"; }",
                 "sh",
                 directory.native(),
                 mark};
  remove.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
  remove.cwd = "/";
  if (const Result<int> number = processes.on_death(remove)) number_ = *number;
}

RemovedOnDeath::~RemovedOnDeath() {
  if (number_) processes_.take_back(*number_);
}

}  // namespace buildspec_run
