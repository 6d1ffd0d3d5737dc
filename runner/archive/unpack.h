// Archives to directories: tar (plain, gzip, zstd) and zip, by libarchive in a lazily loaded shared module.
#pragma once

#include <stop_token>

#include "runner/base/result.h"
#include "runner/sys/files.h"
#include "runner/sys/tree.h"

namespace buildspec_run {

/// Unpacks `archive` into `directory`, which is empty and ours. All entries lie below one top-level directory, which is
/// left out: "x/action.yml" becomes "action.yml". An Error says which entry, when: there are several top-level
/// directories, or none ("contains '<n>' directories"); the archive is damaged or cut short; an entry is a hard
/// link, a device, …; or TreeWriter refuses it. Then, and when `stop` comes (ECANCELED), the directory holds what had
/// been unpacked.
Result<TreeSummary> unpack(const Path& modules, const Path& archive, const Path& directory,
                           const TreeLimits& limits = {}, std::stop_token stop = {});

}  // namespace buildspec_run
