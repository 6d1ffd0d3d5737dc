#include "runner/buildspec/batch.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

namespace buildspec_run {
namespace {

std::string text(const std::optional<PlacedString>& value) { return value ? value->value : ""; }

BatchEntry item(const BatchBuild& build) {
  BatchEntry entry;
  entry.identifier = build.identifier.value;
  entry.buildspec = text(build.buildspec);
  entry.compute_type = text(build.env.compute_type);
  entry.fleet = text(build.env.fleet);
  entry.image = text(build.env.image);
  entry.type = text(build.env.type);
  for (const PlacedEntry& variable : build.env.variables)
    entry.variables.emplace_back(variable.name.value, variable.value.value);
  for (const PlacedString& name : build.depend_on) entry.depend_on.push_back(name.value);
  entry.ignore_failure = build.ignore_failure;
  entry.where = build.where;
  return entry;
}

// One axis and where its value goes.
struct Axis {
  const std::vector<PlacedString>* values;
  std::string BatchEntry::*field;  // nullptr: a variable
  std::string variable;
};

std::vector<Axis> axes_of(const BatchMatrix& matrix) {
  std::vector<Axis> axes;
  const auto add = [&](const std::vector<PlacedString>& values, std::string BatchEntry::*field,
                       const std::string& variable) {
    if (!values.empty()) axes.push_back({&values, field, variable});
  };
  add(matrix.buildspecs, &BatchEntry::buildspec, "");
  add(matrix.compute_types, &BatchEntry::compute_type, "");
  add(matrix.images, &BatchEntry::image, "");
  for (const BatchMatrix::Axis& axis : matrix.variables) add(axis.values, nullptr, axis.name.value);
  return axes;
}

std::size_t product(const std::vector<Axis>& axes) {
  if (axes.empty()) return 0;
  std::size_t total = 1;
  for (const Axis& axis : axes) {
    const std::size_t size = axis.values->size();
    if (total > std::numeric_limits<std::size_t>::max() / size)
      return std::numeric_limits<std::size_t>::max();
    total *= size;
  }
  return total;
}

BatchEntries expand_matrix(const BatchSpec& batch, std::size_t most) {
  const std::vector<Axis> axes = axes_of(batch.matrix);
  BatchEntries all;
  all.total = product(axes);
  std::vector<std::size_t> at(axes.size(), 0);
  for (std::size_t n = 0; n < std::min(all.total, most); ++n) {
    BatchEntry entry;
    entry.identifier = fmt::format("build_{}", n + 1);
    entry.type = text(batch.matrix.static_env.type);
    entry.ignore_failure = batch.matrix.ignore_failure;
    entry.where = batch.where;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::string& value = (*axes[i].values)[at[i]].value;
      if (axes[i].field != nullptr)
        entry.*axes[i].field = value;
      else
        entry.variables.emplace_back(axes[i].variable, value);
    }
    all.entries.push_back(std::move(entry));
    for (std::size_t i = axes.size(); i-- > 0;) {  // the last axis varies fastest
      if (++at[i] < axes[i].values->size()) break;
      at[i] = 0;
    }
  }
  return all;
}

}  // namespace

BatchEntries expand_batch(const BatchSpec& batch, std::size_t most) {
  BatchEntries all;
  switch (batch.kind) {
    case BatchSpec::Kind::none:
      return all;
    case BatchSpec::Kind::list:
    case BatchSpec::Kind::graph:
      all.total = batch.builds.size();
      for (std::size_t i = 0; i < std::min(all.total, most); ++i)
        all.entries.push_back(item(batch.builds[i]));
      return all;
    case BatchSpec::Kind::matrix:
      return expand_matrix(batch, most);
    case BatchSpec::Kind::fanout:
      all.total = static_cast<std::size_t>(batch.fanout.parallelism);
      for (std::size_t i = 0; i < std::min(all.total, most); ++i) {
        BatchEntry entry;
        entry.identifier = fmt::format("build_{}", i + 1);
        entry.ignore_failure = batch.fanout.ignore_failure;
        entry.where = batch.where;
        all.entries.push_back(std::move(entry));
      }
      return all;
  }
  return all;
}

}  // namespace buildspec_run
