// The queue of one iteration: jobs, and which passing mutants become the next ones.
#pragma once

#include <cstdint>
#include <vector>

#include "search/rex/combinations.h"
#include "search/rex/settings.h"
#include "search/rex/tree.h"

namespace suffice::rex {

// One box of a job, with its score (deepcover only).
struct Part {
  NodeId node = kRoot;
  double score = 1.0;
};

// A set of kept pixels as disjoint boxes. Each box in turn is split, the others stay as they are.
struct Job {
  std::vector<Part> parts;
};

// A passing mutant: `choice` of the children of one box of a job, the job's other boxes kept.
struct Survivor {
  std::size_t expansion = 0;  // which split of the level it came from
  Choice choice = 0;
  NodeId first_child = 0;
  std::int64_t area = 0;   // kept pixels
  std::int32_t depth = 0;  // of its deepest box

  // The children it keeps, by number.
  std::vector<NodeId> active() const;
};

// What the queue style keeps of the survivors, in queue order (METHODS.md "rex").
std::vector<Survivor> prune(std::vector<Survivor> survivors, const Settings& settings);

}  // namespace suffice::rex
