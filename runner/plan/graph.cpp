#include "runner/plan/graph.h"

#include <fmt/core.h>

#include <string_view>
#include <variant>
#include <vector>

#include "runner/base/overloaded.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kLongestTitle = 60;  // characters of a command

struct Node {
  std::string id;
  std::vector<std::string> lines;
  enum class Shape { box, decision, end } shape = Shape::box;
};
struct Edge {
  std::string from, to, label;
  bool is_of_failure = false;
};
/// Nodes that lie together.
struct Cluster {
  std::string id, title;
  std::vector<Node> nodes;
};
struct Graph {
  std::vector<Cluster> clusters;
  std::vector<Node> ends;
  std::vector<Edge> edges;
};

/// The first line of a command, cut, with a sign that there is more.
std::string title_of(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  text.remove_prefix(begin);
  const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
  bool more = text.find_first_not_of(" \t\r\n", end) != std::string_view::npos;
  std::string title = to_printable(text.substr(0, end));
  std::size_t bytes = 0, characters = 0;
  while (bytes < title.size() && characters < kLongestTitle) {
    do ++bytes;
    while (bytes < title.size() && (static_cast<unsigned char>(title[bytes]) & 0xC0) == 0x80);
    ++characters;
  }
  more = more || bytes < title.size();
  title.resize(bytes);
  return more ? title + " …" : title;
}

std::string text_of(const Task& task) {
  return std::visit(overloaded{[](const ShellScript& script) { return title_of(script.text); }}, task.body);
}

/// Where the build goes when a phase has failed. Source: buildspec.md 3.2, 3.3.
std::string failure_label(const FailurePolicy& policy) {
  using Action = FailurePolicy::Action;
  switch (policy.action) {
    case Action::abort:
      return "failed: ABORT";
    case Action::carry_on:
      return "failed: CONTINUE";
    case Action::retry:
      return fmt::format("failed: RETRY {}{}", policy.retries,
                         policy.pattern.empty() ? "" : " on " + title_of(policy.pattern));
    case Action::standard:
      break;
  }
  return "failed";
}

Graph graph_of(const Plan& plan) {
  Graph graph;
  struct Open {
    std::string from, label;
    bool is_of_failure;
  };
  std::vector<Open> open = {{"start", "", false}};  // edges that lead to whatever comes next
  const auto lead_to = [&](const std::string& id) {
    for (Open& each : open) graph.edges.push_back({each.from, id, each.label, each.is_of_failure});
    open.clear();
  };
  for (const Phase& phase : plan.phases) {
    if (!phase.in_file) continue;
    Cluster cluster{
        phase.name, phase.name + (phase.run_as.empty() ? "" : " as " + to_printable(phase.run_as)), {}};
    std::string last;
    const auto add = [&](std::string label, std::string text) {
      std::string id = fmt::format("{}_{}", phase.name, cluster.nodes.size());
      if (last.empty())
        lead_to(id);
      else
        graph.edges.push_back({last, id, "", false});
      last = id;
      cluster.nodes.push_back({std::move(id), {std::move(label), std::move(text)}});
    };
    for (const Task& task : phase.commands) add(task.label, text_of(task));
    for (std::size_t i = 0; i < phase.steps.size(); ++i)
      add(step_label(phase, i),
          title_of(phase.steps[i].name.source().empty() ? phase.steps[i].default_name
                                                        : phase.steps[i].name.source()));
    for (const Task& task : phase.finally) add(task.label + " (always)", text_of(task));
    const std::string decision = phase.name + "_result";
    if (last.empty())
      lead_to(decision);
    else
      graph.edges.push_back({last, decision, "", false});
    cluster.nodes.push_back({decision, {phase.name + "?"}, Node::Shape::decision});
    graph.clusters.push_back(std::move(cluster));

    using Action = FailurePolicy::Action;
    const Action action = phase.on_failure.action;
    const bool aborts_by_default = phase.name == "INSTALL" || phase.name == "PRE_BUILD";
    open.push_back({decision, "succeeded", false});
    const std::string label = failure_label(phase.on_failure);
    if (action == Action::retry) graph.edges.push_back({decision, "start", label, true});
    // A retry that is not left falls to the default.
    const std::string otherwise = action == Action::retry ? "failed for good" : label;
    if (action == Action::abort || (action != Action::carry_on && aborts_by_default))
      graph.edges.push_back({decision, "failed", otherwise, true});
    else
      open.push_back({decision, otherwise, true});
  }
  lead_to("done");
  graph.ends = {{"start", {"start"}, Node::Shape::end}, {"done", {"end"}, Node::Shape::end}};
  for (const Edge& edge : graph.edges)
    if (edge.to == "failed") {
      graph.ends.push_back({"failed", {"FAILED"}, Node::Shape::end});
      break;
    }
  return graph;
}

std::string dot_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// Mermaid reads entities by name or number, begun by "#".
std::string mermaid_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\"#&<>`\\[]{}()|;").find(c) != std::string_view::npos)
      out += fmt::format("#{};", static_cast<int>(c));
    else
      out += c;
  }
  return out;
}

std::string joined(const std::vector<std::string>& lines, std::string_view separator,
                   std::string (*escape)(std::string_view)) {
  std::string out;
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    if (!out.empty()) out += separator;
    out += escape(line);
  }
  return out;
}

std::string dot_node(const Node& node, std::string_view indent) {
  std::string attributes = fmt::format("label=\"{}\"", joined(node.lines, "\\l", dot_text));
  if (node.shape == Node::Shape::box) attributes.insert(attributes.size() - 1, "\\l");  // to the left
  if (node.shape == Node::Shape::decision) attributes += ", shape=diamond";
  if (node.shape == Node::Shape::end) attributes += ", shape=oval";
  return fmt::format("{}{} [{}];\n", indent, node.id, attributes);
}

std::string mermaid_node(const Node& node, std::string_view indent) {
  const std::string text = joined(node.lines, "<br>", mermaid_text);
  switch (node.shape) {
    case Node::Shape::decision:
      return fmt::format("{}{}{{\"{}\"}}\n", indent, node.id, text);
    case Node::Shape::end:
      return fmt::format("{}{}([\"{}\"])\n", indent, node.id, text);
    case Node::Shape::box:
      break;
  }
  return fmt::format("{}{}[\"{}\"]\n", indent, node.id, text);
}

}  // namespace

std::string to_dot(const Plan& plan) {
  const Graph graph = graph_of(plan);
  std::string out =
      "digraph plan {\n  node [shape=box, fontname=\"monospace\"];\n  edge [fontname=\"sans-serif\"];\n";
  for (const Node& node : graph.ends) out += dot_node(node, "  ");
  for (const Cluster& cluster : graph.clusters) {
    out += fmt::format("  subgraph cluster_{} {{\n    label=\"{}\";\n", cluster.id, dot_text(cluster.title));
    for (const Node& node : cluster.nodes) out += dot_node(node, "    ");
    out += "  }\n";
  }
  for (const Edge& edge : graph.edges) {
    std::string attributes;
    if (!edge.label.empty()) attributes = fmt::format("label=\"{}\"", dot_text(edge.label));
    if (edge.is_of_failure) attributes += ", style=dashed, color=red";
    out +=
        fmt::format("  {} -> {}{};\n", edge.from, edge.to, attributes.empty() ? "" : " [" + attributes + "]");
  }
  return out + "}\n";
}

std::string to_mermaid(const Plan& plan) {
  const Graph graph = graph_of(plan);
  std::string out = "flowchart TD\n";
  for (const Node& node : graph.ends) out += mermaid_node(node, "  ");
  for (const Cluster& cluster : graph.clusters) {
    // "end" closes a subgraph, whatever its case: ids and titles are never that word alone.
    out += fmt::format("  subgraph {}_phase[\"{}\"]\n", cluster.id, mermaid_text(cluster.title));
    for (const Node& node : cluster.nodes) out += mermaid_node(node, "    ");
    out += "  end\n";
  }
  for (const Edge& edge : graph.edges) {
    const std::string_view arrow = edge.is_of_failure ? "-.->" : "-->";
    out += fmt::format("  {} {}{} {}\n", edge.from, arrow,
                       edge.label.empty() ? "" : fmt::format("|\"{}\"|", mermaid_text(edge.label)), edge.to);
  }
  return out;
}

}  // namespace buildspec_run
