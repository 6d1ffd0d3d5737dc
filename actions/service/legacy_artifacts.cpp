#include "actions/service/legacy_artifacts.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "runner/base/encoding.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kFileBytes = std::uint64_t{10} << 30;
constexpr std::size_t kMostFiles = 50000;
constexpr std::size_t kBodyBytes = 1 << 20;
constexpr std::string_view kWorkflows = "/_apis/pipelines/workflows/",
                           kContainers = "/_apis/resources/Containers/";

/// The directory of `file` below `root`, which is made with it. No link is followed on the way.
Result<void> make_parents(const Path& root, std::string_view file) {
  if (Result<void> made = make_directories(root, 0700); !made) return made;
  Descriptor at = open_at(AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (std::size_t slash = file.find('/'); at.valid() && slash != std::string_view::npos;
       slash = file.find('/')) {
    const std::string name(file.substr(0, slash));
    file.remove_prefix(slash + 1);
    if (::mkdirat(at.get(), name.c_str(), 0700) != 0 && errno != EEXIST)
      return system_error("make " + name, errno);
    at = open_at(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }
  if (!at.valid()) return system_error("open a directory below " + root.native(), errno);
  return {};
}

ServerAnswer no_container() { return rest_error(404, "no such container"); }

}  // namespace

std::string item_in(std::string_view name, std::string item) {
  std::ranges::replace(item, '\\', '/');
  if (!item.starts_with(name) || item.size() <= name.size() + 1 || item[name.size()] != '/') return {};
  item.erase(0, name.size() + 1);
  constexpr std::size_t kLongest = 4096;
  if (item.size() > kLongest) return {};
  std::string_view rest = item;
  for (bool more = true; more;) {
    const std::size_t slash = rest.find('/');
    // ".gz" may be put behind it.
    if (!is_plain_name(rest.substr(0, slash)) || rest.substr(0, slash).size() > 252) return {};
    more = slash != std::string_view::npos;
    if (more) rest.remove_prefix(slash + 1);
  }
  return item;
}

Exchange LegacyArtifacts::begin(const ServerRequest& request, const RequestTarget& target,
                                const std::string& base) {
  if (target.path.starts_with(kWorkflows) && target.path.ends_with("/artifacts"))
    return of_run(request, target, base);
  if (target.path.starts_with(kContainers)) return of_container(request, target, base);
  return nullptr;
}

Value LegacyArtifacts::describe(std::int64_t id, const Container& container, const std::string& base) const {
  std::uint64_t bytes = 0;
  for (const auto& [path, file] : container.files) bytes += file.raw_bytes;
  const std::string url = fmt::format("{}{}{}", base, kContainers, id);
  return Value::Object{{"containerId", id},
                       {"size", container.finished ? static_cast<std::int64_t>(bytes) : std::int64_t{-1}},
                       {"fileContainerResourceUrl", url},
                       {"type", "actions_storage"},
                       {"name", container.name},
                       {"url", url}};
}

Exchange LegacyArtifacts::of_run(const ServerRequest& request, const RequestTarget& target,
                                 const std::string& base) {
  if (request.method == "POST")
    return take_text(kBodyBytes, rest_error(413, "the body is too large"),
                     [this, base](const std::string& body) { return create(body, base); });
  const std::lock_guard guard(mutex_);
  if (request.method == "PATCH") {
    const std::string* name = target.find("artifactName");
    for (auto& [id, container] : containers_) {
      if (name == nullptr || container.name != *name) continue;
      container.finished = true;
      std::uint64_t bytes = 0;
      for (const auto& [path, file] : container.files) bytes += file.bytes;
      directory_.told({container.name, container.directory, bytes});
      return answer_with(json_answer(200, describe(id, container, base)));
    }
    return answer_with(rest_error(404, "no artifact has this name"));
  }
  if (request.method != "GET") return answer_with(rest_error(405, "POST, PATCH and GET are served"));
  Value::Array all;
  for (const auto& [id, container] : containers_)
    if (container.finished) all.push_back(describe(id, container, base));
  const auto count = static_cast<std::int64_t>(all.size());
  return answer_with(json_answer(200, Value::Object{{"count", count}, {"value", std::move(all)}}));
}

/// One that is there already gets more files.
ServerAnswer LegacyArtifacts::create(const std::string& body, const std::string& base) {
  const std::optional<RequestFields> fields = parse_fields(body);
  if (!fields) return rest_error(400, "a JSON object is expected");
  const std::string name = fields->text("Name");
  if (!is_artifact_name(name)) return rest_error(400, "this is no name for an artifact");
  if (const Result<Path> staging = directory_.staging(); !staging)
    return rest_error(500, staging.error().message);
  if (!directory_.has_room()) return rest_error(400, "less than 256 MiB are free where artifacts are kept");
  const std::lock_guard guard(mutex_);
  for (const auto& [id, container] : containers_)
    if (container.name == name) return json_answer(201, describe(id, container, base));
  const std::int64_t id = directory_.next_id();
  Container& made = containers_[id];
  made.name = name;
  made.directory = directory_.place_for(name, true);
  return json_answer(201, describe(id, made, base));
}

Exchange LegacyArtifacts::of_container(const ServerRequest& request, const RequestTarget& target,
                                       const std::string& base) {
  const std::string_view number = std::string_view(target.path).substr(kContainers.size());
  std::int64_t id = 0;
  const auto [stop, failed] = std::from_chars(number.data(), number.data() + number.size(), id);
  if (failed != std::errc() || stop != number.data() + number.size()) return answer_with(no_container());
  const std::string* item = target.find("itemPath");
  const std::string* file = target.find("file");
  if (request.method == "PUT" && item != nullptr) return put(request, id, *item);
  if (request.method != "GET") return answer_with(rest_error(405, "PUT and GET are served"));
  return answer_with(file != nullptr ? get(id, *file) : list(id, base));
}

Exchange LegacyArtifacts::put(const ServerRequest& request, std::int64_t id, const std::string& item) {
  const Result<Path> staging = directory_.staging();
  if (!staging) return answer_with(rest_error(500, staging.error().message));
  const std::optional<ContentRange> range = parse_content_range(request.header("content-range"));
  if (!range || !range->total)
    return answer_with(rest_error(400, "Content-Range: bytes a-b/total is expected"));
  const bool is_gzip = to_lower(request.header("content-encoding")) == "gzip";
  std::shared_ptr<Blob> blob;
  std::string file;
  {
    const std::lock_guard guard(mutex_);
    const auto found = containers_.find(id);
    if (found == containers_.end()) return answer_with(no_container());
    file = item_in(found->second.name, item);
    if (file.empty()) return answer_with(rest_error(400, "itemPath leads out of the artifact"));
    if (!found->second.files.contains(file) && found->second.files.size() >= kMostFiles)
      return answer_with(rest_error(400, fmt::format("an artifact has at most {} files", kMostFiles)));
    File& into = found->second.files[file];
    if (range->first == 0) {  // the first piece begins the file anew
      Result<std::string> blob_id = make_blob_id();
      if (!blob_id) return answer_with(rest_error(500, blob_id.error().message));
      into.blob = std::make_shared<Blob>(std::move(*blob_id), *staging, kFileBytes, nullptr);
      into.is_gzip = is_gzip;
      into.raw_bytes = *range->total;
      const std::string_view raw = request.header("x-tfs-filelength");
      std::uint64_t read = 0;
      if (is_gzip && std::from_chars(raw.data(), raw.data() + raw.size(), read).ec == std::errc() &&
          read >> 62 == 0)
        into.raw_bytes = read;
    }
    blob = into.blob;
  }
  if (blob == nullptr) return answer_with(rest_error(400, "the first piece of the file is missing"));
  Result<PartFile> part = blob->make_part();
  if (!part) return answer_with(rest_error(500, part.error().message));
  return take_file(
      std::move(*part), [this, id, file, blob, range](const PartFile& whole, std::optional<BlobEnd> failed) {
        if (failed || whole.bytes() != range->length)
          return rest_error(failed == BlobEnd::failed ? 500 : 400, "the bytes do not fit their range");
        return put_done(id, file, blob, *range, whole);
      });
}

/// A piece has come; with the last, the file goes to its place.
ServerAnswer LegacyArtifacts::put_done(std::int64_t id, const std::string& file,
                                       const std::shared_ptr<Blob>& blob, const ContentRange& range,
                                       const PartFile& part) {
  const auto done = [] { return json_answer(201, Value::Object{}); };
  if (range.length != 0)
    if (const BlobEnd end = blob->put_range(range.first, part); end != BlobEnd::done)
      return rest_error(end == BlobEnd::failed ? 500 : 400,
                        "the bytes could not be written; is the disk full?");
  if (range.first + range.length != *range.total) return done();
  if (blob->commit_ranges(*range.total) != BlobEnd::done)
    return rest_error(400, "bytes of the file are missing");
  const std::lock_guard guard(mutex_);
  const auto container = containers_.find(id);
  if (container == containers_.end()) return no_container();
  File& into = container->second.files[file];
  if (into.blob != blob) return done();  // begun anew meanwhile
  const std::string name = into.is_gzip ? file + ".gz" : file;
  Result<void> moved = make_parents(container->second.directory, name);
  const Path path = container->second.directory / name;
  if (moved) moved = blob->seal(path);
  if (!moved) return rest_error(500, moved.error().message);
  into.path = path;
  into.bytes = *range.total;
  into.blob.reset();
  return done();
}

ServerAnswer LegacyArtifacts::list(std::int64_t id, const std::string& base) {
  const std::lock_guard guard(mutex_);
  const auto found = containers_.find(id);
  if (found == containers_.end()) return no_container();
  Value::Array items;
  for (const auto& [path, file] : found->second.files)
    if (!file.path.empty())
      items.push_back(Value::Object{
          {"containerId", id},
          {"path", fmt::format("{}/{}", found->second.name, path)},
          {"itemType", "file"},
          {"status", "created"},
          {"fileLength", file.raw_bytes},
          {"contentLocation", fmt::format("{}{}{}?file={}", base, kContainers, id, percent_encoded(path))}});
  const auto count = static_cast<std::int64_t>(items.size());
  return json_answer(200, Value::Object{{"count", count}, {"value", std::move(items)}});
}

ServerAnswer LegacyArtifacts::get(std::int64_t id, const std::string& file) {
  const std::lock_guard guard(mutex_);
  const auto container = containers_.find(id);
  if (container == containers_.end()) return no_container();
  const auto found = container->second.files.find(file);
  Descriptor open = found == container->second.files.end() || found->second.path.empty()
                        ? Descriptor()
                        : open_at(AT_FDCWD, found->second.path.c_str(), O_RDONLY | O_NOFOLLOW);
  struct stat about {};
  if (!open.valid() || ::fstat(open.get(), &about) != 0 ||
      static_cast<std::uint64_t>(about.st_size) != found->second.bytes)
    return rest_error(404, "no such file");
  ServerAnswer answer;
  answer.headers = {{"Content-Type", "application/octet-stream"}};
  if (found->second.is_gzip) answer.headers.emplace_back("Content-Encoding", "gzip");
  answer.file = std::move(open);
  answer.file_length = found->second.bytes;
  return answer;
}

}  // namespace buildspec_run
