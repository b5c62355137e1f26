// What the double takes: known fields, kinds, names, labels, quantities. Stricter than a real server of 1.20, which drops fields that
// it doesn't know: here one is an error, so that none is sent.
#pragma once

#include "connectors/kubernetes/testing/cluster.h"

namespace bourse::kubernetes::testing {

std::optional<Response> invalid(const std::string& resource, const std::string& name_space, const json& object, int minor);
// Of a change: what may not change after the creation.
std::optional<Response> changes_fixed(const std::string& resource, const json& before, const json& after);
// Thousandths of "500m", "2", "128Mi"; -1 = no quantity.
std::int64_t quantity_milli(const std::string& text);

}  // namespace bourse::kubernetes::testing
