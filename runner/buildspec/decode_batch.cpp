// `batch` (buildspec.md 2.7). Only a batch build looks at it, so nothing here keeps an ordinary build from
// running: every finding is a warning in a run and an error in `validate`.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "runner/base/text.h"
#include "runner/buildspec/keys.h"
#include "runner/buildspec/reader.h"

namespace buildspec_run {
namespace {

using Entry = Node::Entry;

constexpr int kMostShards = 10'000;  // ours: `list` prints a line for each
constexpr std::size_t kLongestIdentifier = 128;

constexpr Section kBatchSection{"batch", "in batch", false};
constexpr Section kBuildSection{"batch-build", "in a build of batch", false};
constexpr Section kBuildEnvSection{"batch-build-env", "in env of a build of batch", false};
constexpr Section kMatrixSection{"batch-matrix", "in build-matrix", false};
constexpr Section kStaticSection{"batch-matrix-static", "in static of build-matrix", false};
constexpr Section kStaticEnvSection{"batch-matrix-static-env", "in env of static", false};
constexpr Section kDynamicSection{"batch-matrix-dynamic", "in dynamic of build-matrix", false};
constexpr Section kDynamicEnvSection{"batch-matrix-dynamic-env", "in env of dynamic", false};
constexpr Section kFanoutSection{"batch-fanout", "in build-fanout", false};

// All of them are `batch` in UnknownKey, as nothing in the cloud names them.
template <class T, std::size_t N>
void map(Reader& reader, const Node& node, const Key<T> (&keys)[N], const Section& section, T& into) {
  reader.map(node, std::span<const Key<T>>(keys), section, into, "batch");
}

constexpr Key<BatchBuildEnv> kBuildEnvKeys[] = {
    {"compute-type",
     [](Reader& r, const Entry& e, BatchBuildEnv& env) { env.compute_type = r.string(*e.value); }},
    {"fleet", [](Reader& r, const Entry& e, BatchBuildEnv& env) { env.fleet = r.string(*e.value); }},
    {"image", [](Reader& r, const Entry& e, BatchBuildEnv& env) { env.image = r.string(*e.value); }},
    {"privileged-mode",
     [](Reader& r, const Entry& e, BatchBuildEnv& env) { env.privileged_mode = r.boolean(*e.value); }},
    {"type", [](Reader& r, const Entry& e, BatchBuildEnv& env) { env.type = r.string(*e.value); }},
    {"variables", [](Reader& r, const Entry& e, BatchBuildEnv& env) { env.variables = r.named(*e.value); }},
};

void decode_build_env(Reader& reader, const Entry& entry, BatchBuild& build) {
  map(reader, *entry.value, kBuildEnvKeys, kBuildEnvSection, build.env);
  if (build.env.compute_type && build.env.fleet)
    reader.report(build.env.fleet->where, "batch-exclusive-keys",
                  "fleet and compute-type exclude each other; keep one");
}

constexpr Key<BatchBuild> kBuildKeys[] = {
    {"identifier",
     [](Reader& r, const Entry& e, BatchBuild& build) {
       if (std::optional<PlacedString> text = r.string(*e.value)) build.identifier = std::move(*text);
     }},
    {"buildspec", [](Reader& r, const Entry& e, BatchBuild& build) { build.buildspec = r.string(*e.value); }},
    {"debug-session",
     [](Reader& r, const Entry& e, BatchBuild& build) { r.boolean(*e.value, build.debug_session); }},
    {"depend-on",
     [](Reader& r, const Entry& e, BatchBuild& build) { build.depend_on = r.strings(*e.value); }},
    {"env", [](Reader& r, const Entry& e, BatchBuild& build) { decode_build_env(r, e, build); }},
    {"ignore-failure",
     [](Reader& r, const Entry& e, BatchBuild& build) { r.boolean(*e.value, build.ignore_failure); }},
};

constexpr Key<BatchMatrix> kStaticEnvKeys[] = {
    {"privileged-mode", [](Reader& r, const Entry& e,
                           BatchMatrix& matrix) { matrix.static_env.privileged_mode = r.boolean(*e.value); }},
    {"type",
     [](Reader& r, const Entry& e, BatchMatrix& matrix) { matrix.static_env.type = r.string(*e.value); }},
};

constexpr Key<BatchMatrix> kStaticKeys[] = {
    {"ignore-failure",
     [](Reader& r, const Entry& e, BatchMatrix& matrix) { r.boolean(*e.value, matrix.ignore_failure); }},
    {"env", [](Reader& r, const Entry& e,
               BatchMatrix& matrix) { map(r, *e.value, kStaticEnvKeys, kStaticEnvSection, matrix); }},
};

// One axis of the matrix: a list of at least one value.
std::vector<PlacedString> decode_axis(Reader& reader, const Entry& entry) {
  std::vector<PlacedString> values = reader.strings(*entry.value);
  const bool empty = entry.value->is_null() || (entry.value->is_sequence() && entry.value->items.empty());
  if (empty && !entry.value->incomplete)
    reader.report_absence(entry.key->where, "batch-matrix-axis",
                          "an axis without values, of which no build can be made");
  return values;
}

void decode_variable_axes(Reader& reader, const Entry& entry, BatchMatrix& matrix) {
  if (entry.value->is_null()) return;
  if (!entry.value->is_mapping())
    return reader.wrong_type(*entry.value, "a mapping of names to lists of values");
  for (const auto& [key, value, merged] : entry.value->entries) {
    if (key == nullptr || value == nullptr) continue;
    if (!key->is_scalar()) {
      reader.wrong_type(*key, "a name");
      continue;
    }
    matrix.variables.push_back(
        {{reader.copy(key->scalar, key->where), key->where}, decode_axis(reader, Entry{key, value, merged})});
  }
}

constexpr Key<BatchMatrix> kDynamicEnvKeys[] = {
    {"compute-type",
     [](Reader& r, const Entry& e, BatchMatrix& matrix) { matrix.compute_types = decode_axis(r, e); }},
    {"image", [](Reader& r, const Entry& e, BatchMatrix& matrix) { matrix.images = decode_axis(r, e); }},
    {"variables", [](Reader& r, const Entry& e, BatchMatrix& matrix) { decode_variable_axes(r, e, matrix); }},
};

constexpr Key<BatchMatrix> kDynamicKeys[] = {
    {"buildspec",
     [](Reader& r, const Entry& e, BatchMatrix& matrix) { matrix.buildspecs = decode_axis(r, e); }},
    {"env", [](Reader& r, const Entry& e,
               BatchMatrix& matrix) { map(r, *e.value, kDynamicEnvKeys, kDynamicEnvSection, matrix); }},
};

constexpr Key<BatchMatrix> kMatrixKeys[] = {
    {"static", [](Reader& r, const Entry& e,
                  BatchMatrix& matrix) { map(r, *e.value, kStaticKeys, kStaticSection, matrix); }},
    {"dynamic", [](Reader& r, const Entry& e,
                   BatchMatrix& matrix) { map(r, *e.value, kDynamicKeys, kDynamicSection, matrix); }},
};

void decode_parallelism(Reader& reader, const Entry& entry, BatchFanout& fanout) {
  const std::optional<PlacedString> text = reader.string(*entry.value);
  if (!text) return;
  int count = 0;
  const char* const end = text->value.data() + text->value.size();
  const auto [stop, wrong] = std::from_chars(text->value.data(), end, count);
  if (wrong != std::errc() || stop != end || count < 1 || count > kMostShards) {
    reader.report(
        text->where, "batch-parallelism",
        fmt::format("{} is no number of shards; it is a whole number from 1", Reader::quoted(text->value)));
    return;
  }
  fanout.parallelism = count;
}

constexpr Key<BatchFanout> kFanoutKeys[] = {
    {"parallelism", decode_parallelism},
    {"ignore-failure",
     [](Reader& r, const Entry& e, BatchFanout& fanout) { r.boolean(*e.value, fanout.ignore_failure); }},
};

void decode_builds(Reader& reader, const Entry& entry, BatchSpec& batch, BatchSpec::Kind kind) {
  batch.kind = kind;
  if (entry.value->is_null()) return;
  if (!entry.value->is_sequence()) return reader.wrong_type(*entry.value, "a list of builds");
  for (const Node* item : entry.value->items) {
    BatchBuild build;
    build.where = item->where;
    if (item->is_null()) {
      reader.report(item->where, "empty-entry", "an empty entry, which stands for nothing");
      continue;
    }
    map(reader, *item, kBuildKeys, kBuildSection, build);
    if (!item->incomplete) batch.builds.push_back(std::move(build));
  }
}

void decode_fanout(Reader& reader, const Entry& entry, BatchSpec& batch) {
  batch.kind = BatchSpec::Kind::fanout;
  map(reader, *entry.value, kFanoutKeys, kFanoutSection, batch.fanout);
  if (entry.value->find("parallelism") == nullptr && !entry.value->incomplete)
    reader.report_absence(entry.key->where, "batch-parallelism",
                          "build-fanout without parallelism, the number of its builds");
}

constexpr Key<BatchSpec> kBatchKeys[] = {
    {"fast-fail", [](Reader& r, const Entry& e, BatchSpec& batch) { r.boolean(*e.value, batch.fast_fail); }},
    {"build-list",
     [](Reader& r, const Entry& e, BatchSpec& batch) { decode_builds(r, e, batch, BatchSpec::Kind::list); }},
    {"build-graph",
     [](Reader& r, const Entry& e, BatchSpec& batch) { decode_builds(r, e, batch, BatchSpec::Kind::graph); }},
    {"build-matrix",
     [](Reader& r, const Entry& e, BatchSpec& batch) {
       batch.kind = BatchSpec::Kind::matrix;
       map(r, *e.value, kMatrixKeys, kMatrixSection, batch.matrix);
     }},
    {"build-fanout", decode_fanout},
};
constexpr std::string_view kKinds[] = {"build-list", "build-graph", "build-matrix", "build-fanout"};

// Exactly one of the four stands there.
void check_kind(Reader& reader, const Entry& entry) {
  std::vector<const Entry*> kinds;
  for (const Entry& child : entry.value->entries)
    if (child.key != nullptr && child.key->is_scalar() &&
        std::find(std::begin(kKinds), std::end(kKinds), child.key->scalar) != std::end(kKinds))
      kinds.push_back(&child);
  if (kinds.empty() && !entry.value->incomplete)
    reader.report_absence(
        entry.key->where, "batch-kind",
        "batch without builds; it has one of build-list, build-graph, build-matrix and build-fanout");
  for (std::size_t i = 1; i < kinds.size(); ++i)
    reader.report(
        kinds[i]->key->where, "batch-kind",
        fmt::format("{} beside {}; a batch has one of them", kinds[i]->key->scalar, kinds[0]->key->scalar));
}

bool is_identifier(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && text.size() <= kLongestIdentifier && std::all_of(text.begin(), text.end(), allowed);
}

using BuildIndex = std::map<std::string_view, std::size_t>;

BuildIndex check_identifiers(Reader& reader, const BatchSpec& batch) {
  BuildIndex index;
  for (std::size_t i = 0; i < batch.builds.size(); ++i) {
    const PlacedString& identifier = batch.builds[i].identifier;
    if (identifier.value.empty()) {
      reader.report_absence(batch.builds[i].where, "batch-identifier", "a build without identifier");
      continue;
    }
    if (!is_identifier(identifier.value))
      reader.report(identifier.where, "batch-identifier",
                    fmt::format("identifier {}; it has at most {} letters, digits and underscores",
                                Reader::quoted(identifier.value), kLongestIdentifier));
    if (!index.emplace(identifier.value, i).second)
      reader.report(identifier.where, "batch-identifier",
                    fmt::format("identifier {} for a second time", Reader::quoted(identifier.value)));
  }
  return index;
}

// Takes builds away whose dependencies are gone, until none is left or only cycles are.
void check_cycles(Reader& reader, const BatchSpec& batch, const BuildIndex& index) {
  const std::size_t count = batch.builds.size();
  std::vector<std::vector<std::size_t>> dependants(count);
  std::vector<std::size_t> waits_for(count, 0);
  for (std::size_t i = 0; i < count; ++i)
    for (const PlacedString& name : batch.builds[i].depend_on)
      if (const auto found = index.find(name.value); found != index.end()) {
        dependants[found->second].push_back(i);
        ++waits_for[i];
      }
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < count; ++i)
    if (waits_for[i] == 0) ready.push_back(i);
  for (std::size_t next = 0; next < ready.size(); ++next)
    for (const std::size_t dependant : dependants[ready[next]])
      if (--waits_for[dependant] == 0) ready.push_back(dependant);
  if (ready.size() == count) return;
  // Along dependencies that wait, one comes round to a build that is really in the cycle.
  std::size_t at = 0;
  while (waits_for[at] == 0) ++at;
  std::vector<bool> seen(count, false);
  while (!seen[at]) {
    seen[at] = true;
    for (const PlacedString& name : batch.builds[at].depend_on)
      if (const auto found = index.find(name.value); found != index.end() && waits_for[found->second] > 0) {
        at = found->second;
        break;
      }
  }
  reader.report(batch.builds[at].identifier.where, "batch-cycle",
                fmt::format("{} depends on itself, by way of its depend-on",
                            Reader::quoted(batch.builds[at].identifier.value)));
}

void check_dependencies(Reader& reader, const BatchSpec& batch, const BuildIndex& index) {
  std::vector<std::string_view> names;
  for (const auto& [name, at] : index) names.push_back(name);
  for (const BatchBuild& build : batch.builds)
    for (const PlacedString& name : build.depend_on) {
      if (batch.kind == BatchSpec::Kind::list) {
        reader.report(name.where, "batch-depend-on", "depend-on in a build-list; only a build-graph has it");
      } else if (!index.contains(name.value)) {
        const std::string hint = names.size() <= 1000 ? did_you_mean(name.value, names) : "";
        reader.report(
            name.where, "batch-depend-on",
            fmt::format("depend-on names {}, and no build is called so{}", Reader::quoted(name.value), hint));
      }
    }
  if (batch.kind == BatchSpec::Kind::graph) check_cycles(reader, batch, index);
}

void check_matrix(Reader& reader, const Entry& entry, const BatchMatrix& matrix) {
  const Node* node = entry.value->find("build-matrix");
  if (node == nullptr || node->incomplete) return;
  if (matrix.buildspecs.empty() && matrix.compute_types.empty() && matrix.images.empty() &&
      matrix.variables.empty())
    reader.report_absence(
        entry.value->find_entry("build-matrix")->key->where, "batch-matrix-axis",
        "build-matrix without an axis; dynamic has lists of buildspec, env.image, env.compute-type "
        "or values of "
        "env.variables");
}

}  // namespace

void decode_batch(Reader& reader, const Entry& entry, Buildspec& spec) {
  if (entry.value->is_null()) return;
  reader.in_batch = true;
  BatchSpec batch;
  batch.where = entry.key->where;
  map(reader, *entry.value, kBatchKeys, kBatchSection, batch);
  if (entry.value->is_mapping()) {
    check_kind(reader, entry);
    if (batch.kind == BatchSpec::Kind::list || batch.kind == BatchSpec::Kind::graph)
      check_dependencies(reader, batch, check_identifiers(reader, batch));
    if (batch.kind == BatchSpec::Kind::matrix) check_matrix(reader, entry, batch.matrix);
  }
  spec.batch = std::move(batch);
  reader.in_batch = false;
}

void add_batch_keys(std::vector<SectionKeys>& sections) {
  const auto add = [&](const Section& section, const auto& keys) {
    sections.push_back({section.name, key_names(keys)});
  };
  add(kBatchSection, kBatchKeys);
  add(kBuildSection, kBuildKeys);
  add(kBuildEnvSection, kBuildEnvKeys);
  add(kMatrixSection, kMatrixKeys);
  add(kStaticSection, kStaticKeys);
  add(kStaticEnvSection, kStaticEnvKeys);
  add(kDynamicSection, kDynamicKeys);
  add(kDynamicEnvSection, kDynamicEnvKeys);
  add(kFanoutSection, kFanoutKeys);
}

}  // namespace buildspec_run
