// Archives, read by libarchive. A shared module of its own.

#include "runner/archive/archive_module.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

namespace {

constexpr size_t kBlockBytes = 256 * 1024;

/// While it lives, names are UTF-8 in this thread: libarchive asks the locale, and gives no name that this does not have.
class Utf8Names {
 public:
  Utf8Names() : before_(::uselocale(utf8() == nullptr ? LC_GLOBAL_LOCALE : utf8())) {}
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;
  ~Utf8Names() { ::uselocale(before_); }

 private:
  static locale_t utf8() {
    static const locale_t made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return made;
  }
  locale_t before_;
};

archive* of(void* opened) { return static_cast<archive*>(opened); }

void* open_file(const char* file) {
  const Utf8Names names;
  archive* opened = archive_read_new();
  if (opened == nullptr) return nullptr;
  // What GitHub and its like serve, and no more: each format is code that reads foreign bytes.
  archive_read_support_filter_gzip(opened);
  archive_read_support_filter_zstd(opened);
  archive_read_support_format_tar(opened);
  archive_read_support_format_zip(opened);
  // A failure is told by the first `next`.
  archive_read_open_filename(opened, file, kBlockBytes);
  return opened;
}

int next(void* opened, BuildspecRunArchiveEntry* found) {
  const Utf8Names names;
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(of(opened), &entry);
  if (status == ARCHIVE_EOF) return 0;
  if (status < ARCHIVE_WARN)
    return -1;  // a warning is about a name in no charset of ours, or an unknown extension
  const char* path = archive_entry_pathname_utf8(entry);
  if (path == nullptr) path = archive_entry_pathname(entry);
  *found = {BUILDSPEC_RUN_ARCHIVE_OTHER, "no kind of file we know", path == nullptr ? "" : path, "", 0};
  if (archive_entry_hardlink(entry) != nullptr || archive_entry_hardlink_utf8(entry) != nullptr) {
    found->kind_name = "a hard link";
    return 1;
  }
  const char* target = nullptr;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      found->kind = BUILDSPEC_RUN_ARCHIVE_FILE;
      found->executable = (archive_entry_perm(entry) & 0111) != 0;
      break;
    case AE_IFDIR:
      found->kind = BUILDSPEC_RUN_ARCHIVE_DIRECTORY;
      break;
    case AE_IFLNK:
      found->kind = BUILDSPEC_RUN_ARCHIVE_LINK;
      target = archive_entry_symlink_utf8(entry);
      if (target == nullptr) target = archive_entry_symlink(entry);
      found->target = target == nullptr ? "" : target;
      break;
    case AE_IFCHR:
    case AE_IFBLK:
      found->kind_name = "a device";
      break;
    case AE_IFIFO:
      found->kind_name = "a named pipe";
      break;
    case AE_IFSOCK:
      found->kind_name = "a socket";
      break;
    default:
      break;
  }
  return 1;
}

int read_block(void* opened, const void** bytes, size_t* size, int64_t* offset) {
  const int status = archive_read_data_block(of(opened), bytes, size, offset);
  if (status == ARCHIVE_EOF) return 0;
  return status < ARCHIVE_WARN ? -1 : 1;
}

const char* error(void* opened) {
  const char* text = archive_error_string(of(opened));
  return text == nullptr ? "libarchive does not say why" : text;
}

void close_archive(void* opened) { archive_read_free(of(opened)); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const BuildspecRunArchive buildspec_run_archive_1;
const BuildspecRunArchive buildspec_run_archive_1 = {open_file, next, read_block, error, close_archive};
